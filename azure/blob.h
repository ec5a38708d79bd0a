/*
 * blob.h
 *	  What is done with blobs.
 */
#ifndef BLOB_H
#define BLOB_H

#include "http.h"

/* What became of a request, for what is to be done next. */
typedef enum AzureOutcome
{
	AZURE_DONE,
	AZURE_MISSING,				/* there is no such blob */
	AZURE_EXISTS,				/* there is one, or it is not to be changed */
	AZURE_BROKEN,				/* there is what a copy left that failed */
	AZURE_AGAIN,				/* the service or the network is to blame */
	AZURE_REFUSED,				/* it does the same to every request: the key,
								 * the container, the name of the host */
	AZURE_WRONG,				/* the request is to blame */
	AZURE_NEVER					/* trying again would not help */
} AzureOutcome;

/* Requests of one procedure call. */
typedef struct AzureClient
{
	AzureHttp  *http;
	const AzureServer *server;
	MemoryContext request;		/* of one request; reset before each */
	AzureReply	reply;			/* of the last one */
	char		error[512];		/* in words, unless the last one is done */
} AzureClient;

/* What a blob is to be, and how its file is described to those who get it. */
typedef struct AzureBlob
{
	const char *name;
	const char *file_name;		/* ASCII */
	const char *utf8_name;		/* the same with the report's own name */
	const char *media_type;
	const char *sha256;			/* hex */
	const char *md5;			/* base64; NULL: not known */
	int64		bytes;
} AzureBlob;

/*
 * Each of these is tried several times while the fault may pass, with a commit
 * before each request, so that no transaction is older than one.
 */
extern AzureOutcome azure_put_block(AzureClient *client, const char *blob,
									int seq, const void *data, size_t length);

/* Make a blob of blob->bytes bytes at once; never one that is there already. */
extern AzureOutcome azure_put(AzureClient *client, const AzureBlob *blob,
							  const char *data);

/* Make a blob of the blocks 0 to count - 1; never one that is there already. */
extern AzureOutcome azure_put_block_list(AzureClient *client,
										 const AzureBlob *blob, int count);

/*
 * Is the blob there, and is it this one?  AZURE_EXISTS: it is another one;
 * AZURE_BROKEN: the service began to copy it, and gave up.
 */
extern AzureOutcome azure_compare(AzureClient *client, const AzureBlob *blob);

/* Begin to copy a blob of this container; AZURE_EXISTS as above. */
extern AzureOutcome azure_copy(AzureClient *client, const char *from,
							   const char *to);
extern AzureOutcome azure_delete(AzureClient *client, const char *blob);

#endif							/* BLOB_H */
