/*
 * signed.h
 *	  Signed tokens: a JSON web token that says which token it was made of.
 */
#ifndef RDE_SIGNED_H
#define RDE_SIGNED_H

#include "postgres.h"

#include "utils/uuid.h"

/* What a signed token says. */
typedef struct RdeClaims
{
	const char *kid;			/* the key that signs it */
	int64		account;
	pg_uuid_t	token;			/* which it was made of, and ends with */
	int64		issued;			/* seconds since 1970 */
	int64		expires;
} RdeClaims;

/*
 * What is signed: header and claims, each in base64url, with a dot between.  Of
 * the same claims always the same text.
 */
extern const char *rde_claims_text(const RdeClaims *claims);

/* Back again; false for any other text than rde_claims_text() makes. */
extern bool rde_claims_read(const char *text, RdeClaims *claims);

/* The signature of such a text, in base64url. */
extern const char *rde_claims_sign(const char *text, const uint8 *key,
								   size_t key_length);

#endif							/* RDE_SIGNED_H */
