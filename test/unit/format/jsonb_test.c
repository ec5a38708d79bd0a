/*
 * jsonb_test.c
 *	  Jsonb written where it belongs reads as jsonb_out() prints it.
 */
#include "unit/server.h"

#include "format/jsonb.h"
#include "utils/jsonb.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#define RANDOM_VALUES	100000

/* Both texts of a value, whether its header is long or short. */
static bool
same(Jsonb *value)
{
	const char *expected = DatumGetCString(DirectFunctionCall1(jsonb_out,
															   JsonbPGetDatum(value)));
	struct varlena *packed = (struct varlena *) value;
	StringInfoData text;
	bool		good;

	if (random_below(2) && VARATT_CAN_MAKE_SHORT(value))
	{
		packed = palloc(VARSIZE(value));
		SET_VARSIZE_SHORT(packed, VARATT_CONVERTED_SHORT_SIZE(value));
		memcpy(VARDATA_SHORT(packed), VARDATA(value), VARSIZE(value) - VARHDRSZ);
	}
	initStringInfo(&text);
	rde_jsonb_append(&text, packed);
	good = text.len == strlen(expected) &&
		memcmp(text.data, expected, text.len) == 0;
	if (!good)
		fprintf(tap, "# %.*s instead of %s\n", text.len, text.data, expected);
	return good;
}

static Jsonb *
jsonb_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
test_chosen(void)
{
	static const char *const texts[] = {
		"null", "true", "false", "\"\"", "\"text\"", "0", "-1.50", "1e100", "[]", "{}",
		"[null]", "[[]]", "[{}]", "{\"\": {}}", "[1, \"two\", true, false, null]",
		"{\"a\": 1, \"b\": [1, 2], \"c\": {\"d\": \"e\"}}",
		"[[\"PONumber\",\"qwe1233\"],[\"Rush\",true]]",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u00fc\\ud83d\\ude00\""
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		ok(same(jsonb_of(texts[i])), texts[i]);
}

/* More elements than entries have lengths for, one after another. */
static void
test_many(void)
{
	StringInfoData array;
	StringInfoData object;

	initStringInfo(&array);
	initStringInfo(&object);
	for (int i = 0; i < 1000; i++)
	{
		appendStringInfo(&array, "%s[\"%d\", %d.5, {\"k\": \"v%d\"}]",
						 i ? "," : "[", i, i, i);
		appendStringInfo(&object, "%s\"%d\": [%d, null, \"%d\"]",
						 i ? "," : "{", i * 7919 % 1000, i, i);
	}
	ok(same(jsonb_of(psprintf("%s]", array.data))), "a long array");
	ok(same(jsonb_of(psprintf("%s}", object.data))), "a large object");
}

/* What takes most room escaped, in more than one piece. */
static void
test_long(void)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '"');
	for (int i = 0; i < 50000; i++)
		appendStringInfoString(&text, "\\u0001x");
	appendStringInfoChar(&text, '"');
	ok(same(jsonb_of(text.data)), "a long string");
}

static void
random_string(StringInfo text)
{
	/* the last letter is four bytes, which the indenter would break */
	static const char *const parts[] = {
		"a", "Z", "0", " ", "/", "\\\"", "\\\\", "\\n", "\\u0002", "ü", "東", "\xF0\x9F\x98\x80"
	};

	appendStringInfoChar(text, '"');
	for (uint32 i = random_below(random_below(4) == 0 ? 40 : 12); i > 0; i--)
		appendStringInfoString(text, parts[random_below(COUNT(parts))]);
	appendStringInfoChar(text, '"');
}

static void
random_value(StringInfo text, int depth)
{
	uint32		kind = random_below(depth < 4 ? 8 : 6);
	uint32		count = random_below(random_below(16) == 0 ? 80 : 5);

	switch (kind)
	{
		case 0:
			appendStringInfoString(text, "null");
			break;
		case 1:
			appendStringInfoString(text, random_below(2) ? "true" : "false");
			break;
		case 2:
			appendStringInfo(text, "%d.%02u", (int) random_below(2000000) - 1000000,
							 random_below(100));
			break;
		case 3:
			appendStringInfo(text, "%ue%d", random_below(1000),
							 (int) random_below(80) - 40);
			break;
		case 4:
		case 5:
			random_string(text);
			break;
		default:
			appendStringInfoChar(text, kind == 6 ? '[' : '{');
			for (uint32 i = 0; i < count; i++)
			{
				if (i > 0)
					appendStringInfoChar(text, ',');
				if (kind == 7)
				{
					random_string(text);
					appendStringInfoChar(text, ':');
				}
				random_value(text, depth + 1);
			}
			appendStringInfoChar(text, kind == 6 ? ']' : '}');
	}
}

static void
test_random(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "random",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			good = 0;

	for (int i = 0; i < RANDOM_VALUES; i++)
	{
		StringInfoData text;

		MemoryContextReset(context);
		initStringInfo(&text);
		random_value(&text, 0);
		good += same(jsonb_of(text.data));
	}
	MemoryContextSwitchTo(old);
	ok(good == RANDOM_VALUES, "random values");
}

static void
unit(void)
{
	test_chosen();
	test_many();
	test_long();
	test_random();
}
