/*
 * jsonb_fuzz.c
 *	  Jsonb written where it belongs reads as jsonb_out() prints it.
 */
#include "fuzz/server.h"

#include "format/jsonb.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

static void
check(const struct varlena *value, const char *expected)
{
	StringInfoData text;

	initStringInfo(&text);
	rde_jsonb_append(&text, value);
	PROMISE(text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0);
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	char	   *string = take_string(&bytes);
	char	   *text = pstrdup(string);
	const char *expected;
	Jsonb	   *jsonb;
	struct varlena *packed;

	free(string);
	if (!pg_verify_mbstr(PG_UTF8, text, strlen(text), true) || (jsonb = jsonb_of(text)) == NULL)
		return;
	expected = DatumGetCString(DirectFunctionCall1(jsonb_out, JsonbPGetDatum(jsonb)));
	check((struct varlena *) jsonb, expected);
	if (VARATT_CAN_MAKE_SHORT(jsonb))
	{
		packed = palloc(VARSIZE(jsonb));
		SET_VARSIZE_SHORT(packed, VARATT_CONVERTED_SHORT_SIZE(jsonb));
		memcpy(VARDATA_SHORT(packed), VARDATA(jsonb), VARSIZE(jsonb) - VARHDRSZ);
		check(packed, expected);
	}
}
