/*
 * request.h
 *	  What a client asked for: its line, headers and body, taken apart.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "address.h"
#include "call.h"
#include "text.h"
#include "verified.h"

#define REQUEST_MAX_BODY	(64 * 1024)
#define REQUEST_MAX_LINE	(32 * 1024) /* and headers */
#define REQUEST_MAX_SEGMENTS 5
#define SHA256_SIZE			32

/* Headers and parameters of the query somebody here looks at. */
typedef enum Field
{
	HEADER_AUTHORIZATION,
	HEADER_SUBSCRIPTION_KEY,
	HEADER_CORRELATION_ID,
	HEADER_CONTENT_LENGTH,
	HEADER_TRANSFER_ENCODING,
	HEADER_HOST,
	HEADER_FORWARDED_FOR,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_RANGE,
	HEADER_IF_RANGE,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_IF_MODIFIED_SINCE,
	HEADER_IF_UNMODIFIED_SINCE,
	HEADER_LAST_EVENT_ID,
	HEADER_ORIGIN,
	QUERY_FROM,
	QUERY_TO,
	QUERY_FORMAT,
	QUERY_NAME,
	QUERY_STATUS,
	QUERY_TYPE,
	QUERY_DETAIL,
	QUERY_AFTER,
	QUERY_DATASET,
	QUERY_GENERATOR,
	QUERY_RESELLER,
	QUERY_SV,
	QUERY_ST,
	QUERY_SE,
	QUERY_SP,
	QUERY_SR,
	QUERY_KID,
	QUERY_SIG,
	FIELD_COUNT
} Field;

typedef struct FieldValue
{
	const char *value;			/* of the last one, or NULL */
	int			count;			/* how often it is there */
	bool		broken;			/* holds a NUL */
} FieldValue;

/* Who a client says it is. */
typedef struct Credentials
{
	const char *key;			/* subscription key */
	const char *name;			/* of the token, if it came by HTTP Basic */
	char	   *owned;			/* what that, or claims, lies in */
	const char *claims;			/* of a signed token, in front of its last
								 * dot; NULL: it is none */
	unsigned char token_sha256[SHA256_SIZE];	/* of it, or of a signed one's
												 * signature */
	unsigned char digest[VERIFIED_SIZE];	/* of both, for verified.h */
} Credentials;

struct Download;
struct Guard;
struct Route;

/* Where requests get sessions from. */
typedef struct Pools
{
	Pool	   *verified;		/* those whose credentials were valid lately */
	Pool	   *unverified;		/* others: they cannot take every session */
} Pools;

typedef struct Request
{
	struct MHD_Connection *connection;
	const Pools *pools;
	struct Guard *guard;		/* of its connection */
	Address		address;		/* of its client */
	bool		refused;
	int64_t		started;		/* clock_us() */
	char		correlation_id[65];
	char		method[16];
	char	   *path;			/* as it came, without its query */
	const struct Route *route;	/* NULL: there is none */
	const char *target;			/* as libmicrohttpd has it, query and all */
	size_t		target_length;	/* to its first NUL */
	bool		begun;			/* the headers are here */
	bool		malformed;		/* others may take it for something else */

	int			segment_count;	/* REQUEST_MAX_SEGMENTS: more than any has */
	char	   *segments[REQUEST_MAX_SEGMENTS]; /* of the path, decoded */
	FieldValue	fields[FIELD_COUNT];
	Credentials credentials;

	char	   *body;			/* NULL unless it is kept */
	size_t		body_size;		/* also of what is not */
	bool		keep_body;
	Failure		refusal;		/* status 0: it was not refused so far */

	/* for the log */
	int			status;			/* 0: no reply */
	uint64_t	reply_bytes;
	int64_t		account;		/* 0: not known */
	struct Download *download;
} Request;

/* Made when a request's first line is there; uri is that line's target. */
extern Request *request_create(struct MHD_Connection *connection, const char *uri);
extern const char *request_field_name(Field field);
extern void request_free(Request *request);

/*
 * Takes apart what is known once its headers are there.  version is that of its
 * first line, as libmicrohttpd has it.
 */
extern void request_begin(Request *request, const char *method, const char *version);

/* More of its body; what is beyond REQUEST_MAX_BODY is counted and dropped. */
extern void request_add_body(Request *request, const char *data, size_t size);

/* Does it come with a body?  Is its end beyond doubt? */
extern bool request_has_body(const Request *request);
extern bool request_framing_is_sound(const Request *request);

/* Authorization and X-Subscription-Key, well-formed and each there once? */
extern bool request_credentials(Request *request);

/* The same of a token that comes by HTTP Basic, with its name. */
extern bool request_basic_credentials(Request *request);

extern bool request_is(const Request *request, const char *method);

#endif							/* REQUEST_H */
