/*
 * sign.h
 *	  Links to reports: signed, read-only, of limited life.
 */
#ifndef RDE_SIGN_H
#define RDE_SIGN_H

#include "postgres.h"

#define RDE_SIGNATURE_LENGTH	32	/* HMAC-SHA256 */

/* What a link says, as it stands in its URL before URL encoding. */
typedef struct RdeLink
{
	const char *report;			/* uuid */
	const char *file_name;
	const char *sv;				/* version of this scheme */
	const char *st;				/* not before, yyyy-mm-ddThh:mi:ssZ */
	const char *se;				/* not from then on */
	const char *sp;				/* "r": read */
	const char *sr;				/* "b": one file */
	const char *kid;			/* key and link number, "key.number" */
} RdeLink;

/*
 * HMAC-SHA256 over the fields in that order, each preceded by its length, so
 * that no two links have the same string.
 */
extern void rde_sign(const RdeLink *link, const uint8 *key, size_t key_length,
					 uint8 signature[RDE_SIGNATURE_LENGTH]);

/*
 * HMAC-SHA256 of other bytes.  What a link is signed by begins with a NUL; these
 * do not, so that neither is ever taken for the other.
 */
extern void rde_sign_bytes(const uint8 *bytes, size_t length, const uint8 *key,
						   size_t key_length,
						   uint8 signature[RDE_SIGNATURE_LENGTH]);

/* Are they equal? Takes the same time wherever they differ. */
extern bool rde_sign_equal(const uint8 *a, const uint8 *b, size_t length);

#endif							/* RDE_SIGN_H */
