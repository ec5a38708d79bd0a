/*
 * value_test.c
 *	  Dates and times are written as the server prints them, but for what ISO 8601
 *	  has between the two.
 */
#include "unit/server.h"

#include "datatype/timestamp.h"
#include "format/value.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define RANDOM_VALUES	200000

/* The first day of the first year, and the last ones that there are. */
#define FIRST_DAY		((DateADT) (1721426 - POSTGRES_EPOCH_JDATE))
#define LAST_DAY		((DateADT) (DATE_END_JULIAN - POSTGRES_EPOCH_JDATE - 1))
#define LAST_TIME		(END_TIMESTAMP - 1)

static bool
same(const char *written, const char *end, char *expected)
{
	char	   *space = strchr(expected, ' ');

	if (space)
		*space = 'T';
	if (end - written == strlen(expected) &&
		memcmp(written, expected, end - written) == 0)
		return true;
	fprintf(tap, "# %.*s instead of %s\n", (int) (end - written), written,
			expected);
	return false;
}

static bool
same_date(DateADT date)
{
	char		written[RDE_VALUE_TEXT_MAX];

	return same(written, rde_write_date(written, date),
				DatumGetCString(DirectFunctionCall1(date_out,
													DateADTGetDatum(date))));
}

static bool
same_time(Timestamp time)
{
	char		written[RDE_VALUE_TEXT_MAX];
	char	   *end = rde_write_local_time(written, time);
	bool		good = same(written, end,
							DatumGetCString(DirectFunctionCall1(timestamp_out,
																TimestampGetDatum(time))));

	/* an instant is the same, in UTC */
	return good && rde_write_instant(written, time) == end + 1 && *end == 'Z';
}

static void
test_chosen(void)
{
	static const Timestamp times[] = {
		0, 1, -1, 10, 100000, 123456, 999999, 500000, -500000, 1000000,
		USECS_PER_DAY - 1, -USECS_PER_DAY, 1 - USECS_PER_DAY,
		(Timestamp) FIRST_DAY * USECS_PER_DAY, LAST_TIME
	};

	/* around where a year has a digit more: 10000-01-01, 100000-01-01 */
	bool		good = same_date(FIRST_DAY) && same_date(LAST_DAY) &&
	same_date(2921939) && same_date(2921940) &&
	same_date(35793764) && same_date(35793765);

	ok(good, "the first and the last day, and long years");
	good = true;
	for (size_t i = 0; i < COUNT(times); i++)
		good &= same_time(times[i]);
	ok(good, "times with and without a fraction");
}

static void
test_days(void)
{
	bool		good = true;

	/* 1900 to 2100 and a bit */
	for (DateADT date = -36524; date < 36600; date++)
		good &= same_date(date);
	ok(good, "every day of two centuries");
}

static void
test_random(void)
{
	bool		good = true;

	for (int i = 0; i < RANDOM_VALUES; i++)
	{
		DateADT		date = FIRST_DAY + random_below(LAST_DAY - FIRST_DAY);

		/* the days that a timestamp has are fewer */
		DateADT		day = FIRST_DAY +
		random_below(LAST_TIME / USECS_PER_DAY - FIRST_DAY);
		Timestamp	time = day * USECS_PER_DAY +
		random_below(SECS_PER_DAY) * USECS_PER_SEC + random_below(USECS_PER_SEC);

		/* with six decimals, with fewer, with none */
		if (i % 3 == 1)
			time -= time % 10000;
		if (i % 3 == 2)
			time -= time % USECS_PER_SEC;
		good &= same_date(date) && same_time(time);
	}
	ok(good, "random dates and times");
}

static void
unit(void)
{
	DateStyle = USE_ISO_DATES;
	test_chosen();
	test_days();
	test_random();
}
