/*
 * calendar_test.c
 *	  Days and periods where clocks do something odd (X5).  test/t/period_calendar.pl
 *	  compares whole centuries with an oracle; here each oddity stands alone.
 */
#include "unit/server.h"

#include "core/calendar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

static DateADT
day(int year, int month, int mday)
{
	return date2j(year, month, mday) - POSTGRES_EPOCH_JDATE;
}

/* yyyy-mm-dd hh:mi:ss+00 */
static TimestampTz
at(const char *text)
{
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

static bool
is_at(TimestampTz instant, const char *expected)
{
	if (instant == at(expected))
		return true;
	fprintf(tap, "# %s instead of %s\n", timestamptz_to_str(instant), expected);
	return false;
}

static bool
starts(const char *zone, int year, int month, int mday, const char *expected)
{
	return is_at(rde_day_start(day(year, month, mday), rde_zone(zone)), expected);
}

static void
test_day_start(void)
{
	ok(starts("UTC", 2024, 2, 29, "2024-02-29 00:00:00+00") &&
	   starts("Europe/Berlin", 2024, 1, 1, "2023-12-31 23:00:00+00") &&
	   starts("Asia/Kathmandu", 2024, 1, 1, "2023-12-31 18:15:00+00"), "midnight");
	ok(starts("America/Havana", 2024, 3, 10, "2024-03-10 05:00:00+00"),
	   "a midnight that is skipped: where clocks jump");
	ok(starts("America/Havana", 2024, 11, 3, "2024-11-03 04:00:00+00"),
	   "one that comes twice: the first");
	ok(starts("Pacific/Apia", 2011, 12, 30, "2011-12-30 10:00:00+00") &&
	   starts("Pacific/Apia", 2011, 12, 31, "2011-12-30 10:00:00+00"),
	   "a day that never was has no length");
	ok(starts("Pacific/Kwajalein", 1969, 9, 30, "1969-09-29 13:00:00+00") &&
	   starts("Pacific/Kwajalein", 1969, 10, 1, "1969-10-01 12:00:00+00"),
	   "one of 47 hours");
}

static void
test_range(void)
{
	MemoryContext context = CurrentMemoryContext;
	static const DateADT days[] = {
		DATEVAL_NOBEGIN, DATEVAL_NOEND, -2451545, TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE
	};
	volatile int refused = 0;

	for (volatile size_t i = 0; i < COUNT(days); i++)
	{
		PG_TRY();
		{
			rde_day_start(days[i], rde_zone("UTC"));
		}
		PG_CATCH();
		{
			refused += raised(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, context);
		}
		PG_END_TRY();
	}
	ok(refused == COUNT(days), "days that timestamps cannot hold");
}

static void
test_zones(void)
{
	MemoryContext context = CurrentMemoryContext;
	char		longest[TZ_STRLEN_MAX + 2];
	const char *const names[] = {"", "Europe/Nowhere", "../../etc/passwd", longest};
	volatile int refused = 0;

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (volatile size_t i = 0; i < COUNT(names); i++)
	{
		PG_TRY();
		{
			rde_zone(names[i]);
		}
		PG_CATCH();
		{
			refused += raised(ERRCODE_INVALID_PARAMETER_VALUE, context);
		}
		PG_END_TRY();
	}
	ok(refused == COUNT(names), "zones that are none");
	ok(strcmp(pg_get_timezone_name(rde_zone("europe/berlin")), "Europe/Berlin") == 0,
	   "as the tz database spells it");
}

static void
test_days_of(void)
{
	pg_tz	   *berlin = rde_zone("Europe/Berlin");

	ok(rde_day_of(at("2024-01-01 22:59:59+00"), berlin) == day(2024, 1, 1) &&
	   rde_day_of(at("2024-01-01 23:00:00+00"), berlin) == day(2024, 1, 2),
	   "rde_day_of");
	ok(rde_first_day_from(at("2024-01-01 23:00:00+00"), berlin) == day(2024, 1, 2) &&
	   rde_first_day_from(at("2024-01-01 23:00:01+00"), berlin) == day(2024, 1, 3),
	   "rde_first_day_from");
}

static bool
period_is(RdeEvent event, const char *zone, int month_day, TimeADT run_at,
		  const char *from, const char *to, const char *run)
{
	RdeSchedule schedule = {event, rde_zone(zone), 1, 1, month_day, run_at};
	RdePeriod	period = rde_period_from(&schedule, at(from));

	return is_at(period.from, from) && is_at(period.to, to) && is_at(period.run, run);
}

static bool
week_is(const char *zone, int week_day, const char *from, const char *to)
{
	RdeSchedule schedule = {RDE_WEEKLY, rde_zone(zone), week_day, 1, 1, 6 * USECS_PER_HOUR};
	RdePeriod	period = rde_period_from(&schedule, at(from));

	return is_at(period.to, to) && period.run == period.to + schedule.run_at;
}

static bool
month_is(int month_start, int month_day, const char *from, const char *to, const char *run)
{
	RdeSchedule schedule = {RDE_MONTHLY, rde_zone("UTC"), 1, month_start, month_day, 0};
	RdePeriod	period = rde_period_from(&schedule, at(from));

	return is_at(period.to, to) && is_at(period.run, run);
}

static void
test_periods(void)
{
	TimeADT		three = 3 * USECS_PER_HOUR;

	ok(period_is(RDE_DAILY, "Europe/Berlin", 1, 0, "2024-03-30 23:00:00+00",
				 "2024-03-31 22:00:00+00", "2024-03-31 22:00:00+00"),
	   "a day of 23 hours");
	ok(period_is(RDE_DAILY, "Europe/Berlin", 1, three, "2024-10-26 22:00:00+00",
				 "2024-10-27 23:00:00+00", "2024-10-28 02:00:00+00"),
	   "one of 25, run at three the next day");
	ok(period_is(RDE_DAILY, "UTC", 1, 0, "2024-01-01 12:00:00+00",
				 "2024-01-02 00:00:00+00", "2024-01-02 00:00:00+00"),
	   "a part of a day ends with it");
	ok(period_is(RDE_MONTHLY, "UTC", 31, 0, "2024-01-01 00:00:00+00",
				 "2024-02-01 00:00:00+00", "2024-02-29 00:00:00+00"),
	   "the 31st of a February");
	ok(period_is(RDE_MONTHLY, "UTC", 1, three, "2023-12-01 00:00:00+00",
				 "2024-01-01 00:00:00+00", "2024-01-01 03:00:00+00"),
	   "a year's end");
	ok(period_is(RDE_DAILY, "Europe/Berlin", 1, 5 * USECS_PER_HOUR / 2,
				 "2024-03-29 23:00:00+00", "2024-03-30 23:00:00+00", "2024-03-31 01:00:00+00"),
	   "run at half past two on a day without it: where clocks jump");
}

static void
test_weeks(void)
{
	ok(week_is("UTC", 1, "2024-01-01 00:00:00+00", "2024-01-08 00:00:00+00") &&
	   week_is("UTC", 7, "2023-12-31 00:00:00+00", "2024-01-07 00:00:00+00"),
	   "weeks from Monday, and from Sunday");
	ok(week_is("UTC", 1, "2023-12-31 00:00:00+00", "2024-01-01 00:00:00+00") &&
	   week_is("UTC", 1, "2024-01-02 00:00:00+00", "2024-01-08 00:00:00+00"),
	   "a part of a week ends with it");
	ok(week_is("Europe/Berlin", 3, "2024-03-26 23:00:00+00", "2024-04-02 22:00:00+00"),
	   "one of 167 hours");
	ok(week_is("Pacific/Apia", 5, "2011-12-23 10:00:00+00", "2011-12-30 10:00:00+00"),
	   "one that would end on a day that never was ends with the day before it");
}

static void
test_months(void)
{
	ok(month_is(25, 25, "2024-01-25 00:00:00+00", "2024-02-25 00:00:00+00", "2024-02-25 00:00:00+00") &&
	   month_is(28, 28, "2023-01-28 00:00:00+00", "2023-02-28 00:00:00+00", "2023-02-28 00:00:00+00"),
	   "months from the 25th, and from the 28th");
	ok(month_is(25, 1, "2023-11-25 00:00:00+00", "2023-12-25 00:00:00+00", "2024-01-01 00:00:00+00") &&
	   month_is(25, 31, "2024-01-25 00:00:00+00", "2024-02-25 00:00:00+00", "2024-02-29 00:00:00+00"),
	   "their day to run on is the first after their end");
	ok(month_is(25, 25, "2024-01-01 00:00:00+00", "2024-01-25 00:00:00+00", "2024-01-25 00:00:00+00"),
	   "a part of a month ends with it");
}

static void
test_quarters(void)
{
	ok(period_is(RDE_QUARTERLY, "UTC", 1, 0, "2024-01-01 00:00:00+00",
				 "2024-04-01 00:00:00+00", "2024-04-01 00:00:00+00") &&
	   period_is(RDE_QUARTERLY, "UTC", 31, 0, "2023-10-01 00:00:00+00",
				 "2024-01-01 00:00:00+00", "2024-01-31 00:00:00+00"),
	   "quarters");
	ok(period_is(RDE_QUARTERLY, "UTC", 5, 0, "2024-06-30 00:00:00+00",
				 "2024-07-01 00:00:00+00", "2024-07-05 00:00:00+00"),
	   "a part of a quarter ends with it");
	ok(period_is(RDE_QUARTERLY, "Europe/Berlin", 1, 0, "2023-12-31 23:00:00+00",
				 "2024-03-31 22:00:00+00", "2024-03-31 22:00:00+00"),
	   "one that ends an hour early");
}

/* How long a period of an event may be: a day may have 49 hours. */
static TimestampTz
longest(RdeEvent event)
{
	static const int days[] = {1, 7, 31, 92};

	return (days[event] * 24 + 25) * USECS_PER_HOUR;
}

static bool
follow_each_other(const RdeSchedule *schedule)
{
	TimestampTz from = rde_day_start(day(2005, 1, 1), schedule->zone);
	TimestampTz end = rde_day_start(day(2025, 1, 1), schedule->zone);

	while (from < end)
	{
		RdePeriod	period = rde_period_from(schedule, from);

		if (period.from != from || period.to <= from || period.run < period.to ||
			period.to - from > longest(schedule->event))
			return false;
		from = period.to;
	}
	/* that day is a Wednesday, and a quarter's first */
	return from == end;
}

/* The last instant of a period is the first of the next, for years. */
static void
test_sequence(void)
{
	static const char *const zones[] = {
		"UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia", "Africa/Casablanca",
		"Australia/Lord_Howe", "Asia/Gaza"
	};

	for (int event = 0; event < RDE_EVENT_COUNT; event++)
	{
		bool		good = true;

		for (size_t i = 0; i < COUNT(zones); i++)
		{
			RdeSchedule schedule = {event, rde_zone(zones[i]), 3, 1, 1, 0};

			good &= follow_each_other(&schedule);
		}
		ok(good, psprintf("%s periods follow each other", rde_event_names[event]));
	}
}

static void
unit(void)
{
	test_day_start();
	test_range();
	test_zones();
	test_days_of();
	test_periods();
	test_weeks();
	test_months();
	test_quarters();
	test_sequence();
}
