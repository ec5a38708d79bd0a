/*
 * sum_test.c
 *	  Sums are those of numeric_add(), and take no more memory the longer they are.
 */
#include "unit/server.h"

#include "core/sum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#define RANDOM_SUMS		20000

static Numeric
numeric_of(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static const char *
text_of(Numeric number)
{
	return number == NULL ? "nothing" :
		DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
}

/* As it lies in a row. */
static Numeric
packed(Numeric number)
{
	struct varlena *value = (struct varlena *) number;
	struct varlena *copy;

	if (!VARATT_CAN_MAKE_SHORT(value))
		return number;
	copy = palloc(VARSIZE(value));
	SET_VARSIZE_SHORT(copy, VARATT_CONVERTED_SHORT_SIZE(value));
	memcpy(VARDATA_SHORT(copy), VARDATA(value), VARSIZE(value) - VARHDRSZ);
	return (Numeric) copy;
}

/* Does a sum print as this number? */
static bool
same(RdeSum *sum, Numeric expected)
{
	const char *text = text_of(rde_sum_value(sum));
	bool		good = strcmp(text, text_of(expected)) == 0;

	if (!good)
		fprintf(tap, "# %s instead of %s\n", text, text_of(expected));
	return good;
}

static void
test_chosen(void)
{
	static const char *const lists[][6] = {
		{"0"},
		{"0.00"},
		{"1", "2.50"},
		{"1.50000000", "-1.5"},
		{"-0.00000001", "0.1"},
		{"5", "-0.5"},
		{"-5", "0.5"},
		{"0.9999999999999999", "0.0000000000000001"},
		{"-0.9999999999999999", "-0.0000000000000001"},
		{"9999999999999999.9999999999999999", "0.0000000000000001"},
		{"0.00000000000000001", "1"},
		{"1e16", "-1", "0.5"},
		{"1e1000", "1e-1000", "3"},
		{"NaN", "1"},
		{"1", "Infinity", "2"},
		{"Infinity", "-Infinity", "1.5"}
	};

	for (size_t i = 0; i < COUNT(lists); i++)
	{
		RdeSum		sum = {0};
		Numeric		expected = NULL;

		for (size_t j = 0; j < COUNT(lists[i]) && lists[i][j]; j++)
		{
			Numeric		number = numeric_of(lists[i][j]);

			expected = expected ?
				DatumGetNumeric(DirectFunctionCall2(numeric_add,
													NumericGetDatum(expected),
													NumericGetDatum(number))) :
				number;
			rde_sum_add(&sum, packed(number), CurrentMemoryContext);
		}
		ok(sum.any && same(&sum, expected), lists[i][0]);
	}
}

static Numeric
random_number(void)
{
	char		text[64];
	uint32		kind = random_below(20);

	if (kind == 0)
		snprintf(text, sizeof(text), "%d.%09u%09u",
				 (int) random_below(2000) - 1000, random_below(1000000000),
				 random_below(1000000000));
	else if (kind == 1)
		snprintf(text, sizeof(text), "%s%u%09u%09u.5", random_below(2) ? "-" : "",
				 1 + random_below(99), random_below(1000000000),
				 random_below(1000000000));
	else if (kind == 2)
		snprintf(text, sizeof(text), "%s9999999999999999", random_below(2) ? "-" : "");
	else
		snprintf(text, sizeof(text), "%s%u.%0*u", random_below(2) ? "-" : "",
				 random_below(random_below(2) ? 100 : 1000000000),
				 1 + (int) random_below(9), random_below(10));
	return numeric_of(text);
}

/* A sum that is asked for now and then, and begun again. */
static void
test_random(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "random",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext keep = CurrentMemoryContext;
	RdeSum		sum = {0};
	int			good = 0;

	for (int i = 0; i < RANDOM_SUMS; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		Numeric		expected = NULL;

		MemoryContextReset(context);
		rde_sum_reset(&sum);
		for (uint32 n = random_below(30); n > 0; n--)
		{
			Numeric		number = random_number();

			expected = expected ?
				DatumGetNumeric(DirectFunctionCall2(numeric_add,
													NumericGetDatum(expected),
													NumericGetDatum(number))) :
				number;
			rde_sum_add(&sum, packed(number), keep);
			if (random_below(10) == 0)
				(void) rde_sum_value(&sum);
		}
		good += sum.any == (expected != NULL) && same(&sum, expected);
		MemoryContextSwitchTo(old);
	}
	ok(good == RANDOM_SUMS, "random sums");
}

/* So many of the largest that integers overflow. */
static void
test_large(void)
{
	RdeSum		sum = {0};
	Numeric		number = numeric_of("-9999999999999999.99999999");
	Datum		expected = DirectFunctionCall2(numeric_mul, NumericGetDatum(number),
											   NumericGetDatum(numeric_of("5000")));
	Size		before;

	rde_sum_add(&sum, number, CurrentMemoryContext);
	(void) rde_sum_value(&sum);
	before = sum.room;
	for (int i = 1; i < 5000; i++)
		rde_sum_add(&sum, number, CurrentMemoryContext);
	ok(same(&sum, DatumGetNumeric(expected)), "a sum that is larger than integers");
	ok(sum.room == before, "lies where its first amount did");
}

static void
unit(void)
{
	test_chosen();
	test_random();
	test_large();
}
