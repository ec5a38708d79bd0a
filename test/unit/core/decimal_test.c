/*
 * decimal_test.c
 *	  Numerics read where they lie print what numeric_out() prints.
 */
#include "unit/server.h"

#include "core/decimal.h"
#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#define RANDOM_VALUES	200000

/*
 * Both texts of a numeric, which is read from an odd address, as one with a short
 * header is, and written to no more than the promised room.
 */
static bool
same(Numeric number)
{
	size_t		len = VARSIZE_ANY_EXHDR(number);
	char	   *bytes = palloc(len + 1);
	const char *expected;
	RdeDecimal	decimal;
	char	   *written;
	char	   *end;
	size_t		room;
	bool		good;

	memcpy(bytes + 1, VARDATA_ANY(number), len);
	expected = DatumGetCString(DirectFunctionCall1(numeric_out,
												   NumericGetDatum(number)));
	rde_decimal_read(&decimal, bytes + 1, len);
	room = rde_decimal_room(&decimal);
	written = palloc(room + 1);
	written[room] = '#';
	end = rde_decimal_write(written, &decimal);
	good = end - written == strlen(expected) &&
		memcmp(written, expected, end - written) == 0 && written[room] == '#';
	if (!good)
		fprintf(tap, "# %.*s instead of %s\n", (int) (end - written), written,
				expected);
	return good;
}

static Numeric
numeric_of(const char *text, int32 modifier)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(modifier)));
}

static void
test_chosen(void)
{
	static const char *const texts[] = {
		"0", "-0", "0.0", "0.00000000", "1", "-1", "9", "10", "99", "100", "999",
		"1000", "9999", "10000", "10001", "100000000", "-100000000.00000001",
		"0.1", "0.01", "0.001", "0.0001", "0.00001", "-0.00000001", "1.50",
		"22.50000000", "5.48000000", "123456789012345678901234567890.123456789",
		"1e100", "1e-100", "-1e1000", "1e-1000", "1e5000", "9.99e-5000",
		"1e131071", "-1e-16383", "0e-16383", "1.0e63", "1e64", "1e252", "1e256",
		"1e-256", "1e-260", "NaN", "Infinity", "-Infinity"
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		ok(same(numeric_of(texts[i], -1)), texts[i]);
	ok(same(numeric_of("1.5", (20 << 16 | 8) + VARHDRSZ)), "numeric(20,8)");
	ok(same(numeric_of("1.5", (1000 << 16 | 998) + VARHDRSZ)),
	   "numeric(1000,998)");
}

/* Digits, mostly few, with a point somewhere or an exponent. */
static void
random_text(char *text)
{
	int			digits = 1 + random_below(random_below(8) == 0 ? 300 : 25);
	int			point = random_below(digits + 1);

	if (random_below(2))
		*text++ = '-';
	for (int i = 0; i < digits; i++)
	{
		if (i == point && i > 0)
			*text++ = '.';
		*text++ = random_below(3) == 0 ? '0' : '0' + random_below(10);
	}
	*text = '\0';
	if (random_below(4) == 0)
		sprintf(text, "e%d", (int) random_below(600) - 300);
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
		char		text[512];

		MemoryContextReset(context);
		random_text(text);
		good += same(numeric_of(text, -1));
	}
	MemoryContextSwitchTo(old);
	ok(good == RANDOM_VALUES, "random numbers");
}

/* Results of arithmetic have weights and scales that no text has. */
static void
test_computed(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "computed",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			good = 0;
	int			count = 0;

	for (int i = 0; i < RANDOM_VALUES / 4; i++)
	{
		char		text[512];
		Datum		a;
		Datum		b;

		MemoryContextReset(context);
		random_text(text);
		a = NumericGetDatum(numeric_of(text, -1));
		random_text(text);
		b = NumericGetDatum(numeric_of(text, -1));
		good += same(DatumGetNumeric(DirectFunctionCall2(numeric_add, a, b)));
		good += same(DatumGetNumeric(DirectFunctionCall2(numeric_sub, a, a)));
		good += same(DatumGetNumeric(DirectFunctionCall2(numeric_mul, a, b)));
		good += same(DatumGetNumeric(DirectFunctionCall2(numeric_round, a,
														 Int32GetDatum((int) random_below(20) - 10))));
		count += 4;
	}
	MemoryContextSwitchTo(old);
	ok(good == count, "results of arithmetic");
}

static void
unit(void)
{
	test_chosen();
	test_random();
	test_computed();
}
