/*
 * digest.h
 *	  What a file's bytes are checked by.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include "postgres.h"

typedef struct AzureDigest AzureDigest;

/*
 * SHA-256 and MD5 of what is added, over as many transactions as it takes.
 * Lives as long as the current memory context.
 */
extern AzureDigest *azure_digest_create(void);
extern void azure_digest_add(AzureDigest *digest, const void *data,
							 size_t length);

/* SHA-256 in hex and MD5 in base64, once nothing more comes. */
extern void azure_digest_finish(AzureDigest *digest, const char **sha256,
								const char **md5);

/* MD5 of a piece, in base64. */
extern const char *azure_md5(const void *data, size_t length);

#endif							/* DIGEST_H */
