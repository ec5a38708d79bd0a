/*
 * request.h
 *	  A request to the Blob service and what came of it.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "options.h"

/* Of requests and links; a version of the service's protocol. */
#define AZURE_VERSION	"2020-12-06"

#define AZURE_MAX_FIELDS 8

/* SHA-256 and MD5 as text */
#define AZURE_HEX_SHA256 64
#define AZURE_BASE64_MD5 24

typedef struct AzureField
{
	const char *name;
	const char *value;
} AzureField;

/* NULL and 0 are what a request does without. */
typedef struct AzureRequest
{
	const char *method;
	const char *blob;			/* its name */
	AzureField	query[AZURE_MAX_FIELDS];	/* by name */
	int			query_count;
	AzureField	headers[AZURE_MAX_FIELDS];	/* x-ms-..., by name, but for the
											 * date and the version */
	int			header_count;
	const char *content_type;
	const char *content_md5;	/* base64 */
	const char *if_none_match;
	const void *body;
	size_t		body_length;
} AzureRequest;

/* Where no reply came status is 0, and failure says why. */
typedef struct AzureReply
{
	int			status;
	size_t		size;			/* bytes that have come */
	int			retry_after;	/* seconds, 0: not said */
	int64		content_length; /* -1: not said */
	char		error_code[64];
	char		request_id[64];
	char		copy_status[16];
	char		sha256[AZURE_HEX_SHA256 + 1];	/* x-ms-meta-sha256 */
	char		md5[AZURE_BASE64_MD5 + 1];
	char		failure[256];
} AzureReply;

#endif							/* REQUEST_H */
