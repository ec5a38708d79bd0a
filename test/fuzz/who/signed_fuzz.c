/*
 * signed_fuzz.c
 *	  Signed tokens and links: one text for each meaning, and one meaning for each
 *	  text.
 */
#include "fuzz/server.h"

#include "core/sign.h"
#include "who/signed.h"

/* Whatever is read is what would be written; and any other text is not read. */
static void
check_read(const char *text)
{
	RdeClaims	claims;

	if (rde_claims_read(text, &claims))
		PROMISE(strcmp(rde_claims_text(&claims), text) == 0);
}

static void
check_written(Bytes *bytes)
{
	RdeClaims	claims = {.kid = "0123456789abcdef"};
	RdeClaims	read;
	char	   *text;
	char	   *changed;
	size_t		place;

	claims.account = 1 + take_below(bytes, 60000);
	claims.issued = take_below(bytes, 60000) * INT64CONST(65536);
	claims.expires = claims.issued + take_below(bytes, 60000);
	for (int i = 0; i < UUID_LEN; i++)
		claims.token.data[i] = take_below(bytes, 256);
	text = pstrdup(rde_claims_text(&claims));
	PROMISE(rde_claims_read(text, &read));
	PROMISE(read.account == claims.account && read.issued == claims.issued &&
			read.expires == claims.expires && strcmp(read.kid, claims.kid) == 0 &&
			memcmp(&read.token, &claims.token, sizeof(pg_uuid_t)) == 0);

	/* one that was changed says something else, or nothing */
	changed = pstrdup(text);
	place = take_below(bytes, strlen(text));
	changed[place] = (char) (1 + take_below(bytes, 255));
	if (strcmp(changed, text) != 0 && rde_claims_read(changed, &read))
	{
		PROMISE(read.account != claims.account || read.issued != claims.issued ||
				read.expires != claims.expires || strcmp(read.kid, claims.kid) != 0 ||
				memcmp(&read.token, &claims.token, sizeof(pg_uuid_t)) != 0);
		PROMISE(strcmp(rde_claims_sign(text, (const uint8 *) "key", 3),
					   rde_claims_sign(changed, (const uint8 *) "key", 3)) != 0);
	}
}

#define LINK_FIELDS	8

static void
sign_fields(char *const fields[LINK_FIELDS], uint8 signature[RDE_SIGNATURE_LENGTH])
{
	const RdeLink link = {
		fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6], fields[7]
	};

	rde_sign(&link, (const uint8 *) "key", 3, signature);
}

/* Two links whose fields differ have two signatures, wherever a text is cut. */
static void
check_links(Bytes *bytes)
{
	char	   *one[LINK_FIELDS];
	char	   *other[LINK_FIELDS];
	uint8		signatures[2][RDE_SIGNATURE_LENGTH];
	bool		same = true;
	int			place = take_below(bytes, LINK_FIELDS - 1);
	size_t		moved = take_below(bytes, 8);

	for (int i = 0; i < LINK_FIELDS; i++)
	{
		char	   *text = take_string(bytes);

		one[i] = other[i] = pstrdup(text);
		free(text);
	}
	/* the end of one field becomes the beginning of the next */
	moved = Min(moved, strlen(one[place]));
	other[place] = pnstrdup(one[place], strlen(one[place]) - moved);
	other[place + 1] = psprintf("%s%s", one[place] + strlen(other[place]), one[place + 1]);
	for (int i = 0; i < LINK_FIELDS; i++)
		same &= strcmp(one[i], other[i]) == 0;
	sign_fields(one, signatures[0]);
	sign_fields(other, signatures[1]);
	PROMISE(same == rde_sign_equal(signatures[0], signatures[1], RDE_SIGNATURE_LENGTH));
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	char	   *text;

	switch (take_below(&bytes, 3))
	{
		case 0:
			text = take_string(&bytes);
			check_read(guarded(text, strlen(text) + 1));
			free(text);
			break;
		case 1:
			check_written(&bytes);
			break;
		default:
			check_links(&bytes);
			break;
	}
}
