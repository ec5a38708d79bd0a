/*
 * digits_test.c
 *	  Integers as digits: what printf() prints, within the room that is promised.
 */
#include "core/digits.h"

#include <inttypes.h>
#include <stdio.h>

#include "unit/tap.h"

#define RANDOM_VALUES	2000000

static bool
same(int64_t value)
{
	char		expected[32];
	char		written[RDE_DIGITS_ROOM + 1];
	int			len = snprintf(expected, sizeof(expected), "%" PRId64, value);
	char	   *end;

	written[RDE_DIGITS_ROOM] = '#';
	end = rde_put_integer(written, value);
	if (end - written == len && memcmp(written, expected, len) == 0 &&
		written[RDE_DIGITS_ROOM] == '#')
		return true;
	fprintf(tap, "# %.*s instead of %s\n", (int) (end - written), written,
			expected);
	return false;
}

static void
test_ends(void)
{
	bool		good = same(0) && same(INT64_MIN) && same(INT64_MIN + 1) &&
	same(INT64_MAX) && same(INT32_MIN) && same(INT32_MAX) &&
	same(INT16_MIN) && same(INT16_MAX);
	int64_t		power = 1;

	ok(good, "the least and the greatest of each width");

	good = true;
	for (int digits = 1; digits <= 19; digits++)
	{
		for (int first = 1; first <= 9; first++)
		{
			int64_t		value = (int64_t) ((uint64_t) power * first);

			/* 9 x 10^18 is the last that fits */
			for (int near = -2; near <= 2; near++)
				good &= same(value + near) && same(-value + near);
		}
		power = digits < 19 ? power * 10 : power;
	}
	ok(good, "every number of digits, around each first digit");
}

static void
test_all_small(void)
{
	bool		good = true;

	for (int64_t value = -100000; value <= 1000000; value++)
		good &= same(value);
	ok(good, "all from -100,000 to 1,000,000");
}

static void
test_random(void)
{
	bool		good = true;

	for (int i = 0; i < RANDOM_VALUES; i++)
	{
		uint64_t	bits = (uint64_t) random_below(UINT32_MAX) << 32 |
		random_below(UINT32_MAX);

		bits >>= i % 64;
		good &= same((int64_t) bits) && same((int64_t) (0 - bits));
	}
	ok(good, "random ones of every width");
}

static void
test_fixed(void)
{
	bool		good = true;
	char		expected[32];
	char		written[8];

	for (unsigned int value = 0; value < 10000; value++)
	{
		snprintf(expected, sizeof(expected), "%04u", value);
		good &= rde_put_four_digits(written, value) == written + 4 &&
			memcmp(written, expected, 4) == 0;
		snprintf(expected, sizeof(expected), "%08u", value * 9999 + value);
		good &= rde_put_eight_digits(written, value * 9999 + value) ==
			written + 8 && memcmp(written, expected, 8) == 0;
	}
	ok(good, "four and eight digits, with their zeros");
}

int
main(void)
{
	tap = stdout;
	test_ends();
	test_all_small();
	test_random();
	test_fixed();
	return done();
}
