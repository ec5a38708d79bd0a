/*
 * signed.c
 *	  Signed tokens: a JSON web token that says which token it was made of.
 *
 * Invariant: a text is read only if it is, byte for byte, what we would have
 * written of what it says.  So there is one algorithm, one order of fields and one
 * spelling of each, and no JSON is parsed.
 */
#include "who/signed.h"

#include <inttypes.h>

#include "core/row.h"
#include "core/sign.h"
#include "core/url.h"

#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"

#define HEADER		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}"
#define CLAIMS		"{\"sub\":\"" INT64_FORMAT "\",\"tid\":\"%s\",\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT "}"

/* More than any of ours has. */
#define MAX_TEXT	1024
#define MAX_KID		64
#define UUID_LENGTH	36

/* base64 as URLs and tokens have it: two other characters, and no padding. */
static char *
base64url(const uint8 *bytes, int length)
{
	char	   *text = pstrdup(rde_url_base64(bytes, length));
	char	   *end = text + strcspn(text, "=");

	*end = '\0';
	for (char *c = text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return text;
}

/*
 * Back again, to a string; whoever calls looks whether it is the spelling that
 * base64url() has.  NULL for other characters.
 */
static char *
from_base64url(const char *text, size_t length)
{
	static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char	   *bytes = palloc(length + 1);
	char	   *to = bytes;
	uint32		bits = 0;

	for (size_t i = 0; i < length; i++)
	{
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (digit == NULL)
			return NULL;
		bits = bits << 6 | (uint32) (digit - digits);
		if (i % 4 != 0)
			*to++ = (char) (bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	*to = '\0';
	return bytes;
}

const char *
rde_claims_text(const RdeClaims *claims)
{
	char	   *header = psprintf(HEADER, claims->kid);
	char	   *body = psprintf(CLAIMS, claims->account,
								rde_uuid_text(&claims->token),
								claims->issued, claims->expires);

	return psprintf("%s.%s",
					base64url((const uint8 *) header, strlen(header)),
					base64url((const uint8 *) body, strlen(body)));
}

static bool
is_id(const char *text)
{
	return strlen(text) == UUID_LENGTH &&
		strspn(text, "0123456789abcdef-") == UUID_LENGTH &&
		text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' &&
		strspn(text, "0123456789abcdef") == 8 &&
		strspn(text + 9, "0123456789abcdef") == 4 &&
		strspn(text + 14, "0123456789abcdef") == 4 &&
		strspn(text + 19, "0123456789abcdef") == 4 &&
		strspn(text + 24, "0123456789abcdef") == 12;
}

bool
rde_claims_read(const char *text, RdeClaims *claims)
{
	size_t		length = strcspn(text, ".");
	char	   *header;
	char	   *body;
	char		kid[MAX_KID + 1];
	char		token[UUID_LENGTH + 1];

	if (strlen(text) > MAX_TEXT || text[length] != '.')
		return false;
	header = from_base64url(text, length);
	body = from_base64url(text + length + 1, strlen(text) - length - 1);
	if (header == NULL || body == NULL ||
		sscanf(header, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%64[0-9a-f]", kid) != 1 ||
		sscanf(body, "{\"sub\":\"%18" SCNd64 "\",\"tid\":\"%36[0-9a-f-]\",\"iat\":%18" SCNd64 ",\"exp\":%18" SCNd64 "}",
			   &claims->account, token, &claims->issued, &claims->expires) != 4 ||
		!is_id(token))
		return false;
	claims->kid = pstrdup(kid);
	claims->token = *DatumGetUUIDP(DirectFunctionCall1(uuid_in,
													   CStringGetDatum(token)));
	return strcmp(text, rde_claims_text(claims)) == 0;
}

const char *
rde_claims_sign(const char *text, const uint8 *key, size_t key_length)
{
	uint8		signature[RDE_SIGNATURE_LENGTH];

	rde_sign_bytes((const uint8 *) text, strlen(text), key, key_length,
				   signature);
	return base64url(signature, RDE_SIGNATURE_LENGTH);
}
