/*
 * sign.c
 *	  Signatures of links and of tokens.
 *
 * Invariant: the string that is signed can be taken apart in one way only.
 */
#include "core/sign.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"

/* Also keeps these signatures apart from whatever else a key might sign. */
#define SIGN_PREFIX	"rde link 1"

static void
append(StringInfo string, const char *field)
{
	uint32		length = strlen(field);
	uint32		big_endian = pg_hton32(length);

	appendBinaryStringInfo(string, (const char *) &big_endian,
						   sizeof(big_endian));
	appendBinaryStringInfo(string, field, length);
}

static void
sign(const uint8 *bytes, size_t length, const uint8 *key, size_t key_length,
	 uint8 signature[RDE_SIGNATURE_LENGTH])
{
	/* on error its resource owner or our exit releases it */
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);

	if (context == NULL || pg_hmac_init(context, key, key_length) < 0)
		elog(ERROR, "could not begin an HMAC");
	if (pg_hmac_update(context, bytes, length) < 0 ||
		pg_hmac_final(context, signature, RDE_SIGNATURE_LENGTH) < 0)
		elog(ERROR, "could not compute an HMAC: %s", pg_hmac_error(context));
	pg_hmac_free(context);
}

void
rde_sign(const RdeLink *link, const uint8 *key, size_t key_length,
		 uint8 signature[RDE_SIGNATURE_LENGTH])
{
	StringInfoData string;

	initStringInfo(&string);
	append(&string, SIGN_PREFIX);
	append(&string, link->report);
	append(&string, link->file_name);
	append(&string, link->sv);
	append(&string, link->st);
	append(&string, link->se);
	append(&string, link->sp);
	append(&string, link->sr);
	append(&string, link->kid);
	sign((const uint8 *) string.data, string.len, key, key_length, signature);
}

void
rde_sign_bytes(const uint8 *bytes, size_t length, const uint8 *key,
			   size_t key_length, uint8 signature[RDE_SIGNATURE_LENGTH])
{
	Assert(length > 0 && bytes[0] != '\0');
	sign(bytes, length, key, key_length, signature);
}

bool
rde_sign_equal(const uint8 *a, const uint8 *b, size_t length)
{
	volatile uint8 difference = 0;

	for (size_t i = 0; i < length; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}
