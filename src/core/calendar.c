/*
 * calendar.c
 *	  Days, periods and instants in a time zone, over the server's tz database.
 *
 * Invariant: the days of a zone follow each other without a gap and without an
 * overlap, and so do a generator's periods, whatever its clocks do.
 */
#include "core/calendar.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#define DAYS_PER_WEEK		7
#define MONTHS_PER_QUARTER	3

static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("date out of range for a report")));
}

/*
 * The first instant at which clocks of a zone show this day and time, or a later
 * one of the day.  DetermineTimeZoneOffset() would take the second of two
 * midnights when clocks are set back over it, and an hour would count as the
 * day before.
 */
static TimestampTz
first_instant(DateADT day, TimeADT time, pg_tz *zone)
{
	pg_time_t	local = (pg_time_t) (day + POSTGRES_EPOCH_JDATE -
									 UNIX_EPOCH_JDATE) * SECS_PER_DAY +
	time / USECS_PER_SEC;
	pg_time_t	probe = local - 2 * SECS_PER_DAY;	/* before it anywhere */
	pg_time_t	utc;
	int			fraction = time % USECS_PER_SEC;

	for (;;)
	{
		long int	before;
		long int	after;
		int			before_isdst;
		int			after_isdst;
		pg_time_t	boundary;
		int			found;

		found = pg_next_dst_boundary(&probe, &before, &before_isdst,
									 &boundary, &after, &after_isdst, zone);
		if (found < 0)
			out_of_range();
		utc = local - before;
		if (found == 0 || utc < boundary)
			break;
		if (local - after < boundary)
		{
			utc = boundary;		/* clocks skip it */
			fraction = 0;
			break;
		}
		probe = boundary;
	}
	return ((TimestampTz) utc -
			(TimestampTz) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
			SECS_PER_DAY) * USECS_PER_SEC + fraction;
}

/* A year less than what timestamps can hold, for arithmetic around a day. */
static void
check_range(DateADT day)
{
	if (DATE_NOT_FINITE(day) ||
		day < (DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE) + 366 ||
		day >= (TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE) - 366)
		out_of_range();
}

TimestampTz
rde_day_start(DateADT day, pg_tz *zone)
{
	check_range(day);
	return first_instant(day, 0, zone);
}

DateADT
rde_day_of(TimestampTz instant, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (timestamp2tm(instant, &offset, &tm, &fsec, NULL, zone) != 0)
		out_of_range();
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

DateADT
rde_first_day_from(TimestampTz instant, pg_tz *zone)
{
	DateADT		day = rde_day_of(instant, zone);

	while (rde_day_start(day, zone) < instant)
		day++;
	return day;
}

/* The first day of a day's month, or of one some months later. */
static DateADT
first_of_month(DateADT day, int months)
{
	int			year;
	int			month;
	int			mday;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	month += months;
	return date2j(year + (month - 1) / MONTHS_PER_YEAR,
				  (month - 1) % MONTHS_PER_YEAR + 1, 1) -
		POSTGRES_EPOCH_JDATE;
}

const char *const rde_event_names[RDE_EVENT_COUNT] = {
	[RDE_DAILY] = "daily",
	[RDE_WEEKLY] = "weekly",
	[RDE_MONTHLY] = "monthly",
	[RDE_QUARTERLY] = "quarterly"
};

RdeEvent
rde_event(const char *name)
{
	for (int event = 0; event < RDE_EVENT_COUNT; event++)
		if (strcmp(name, rde_event_names[event]) == 0)
			return event;
	elog(ERROR, "event \"%s\" has no calendar", name);
}

/*
 * The first day of the period that a day is in, or of one some periods later,
 * by the calendar alone: clocks may skip that day.
 */
static DateADT
period_day(const RdeSchedule *schedule, DateADT day, int later)
{
	int			year;
	int			month;
	int			mday;

	switch (schedule->event)
	{
		case RDE_DAILY:
			return day + later;
		case RDE_WEEKLY:
			/* j2day() counts from 0, a Sunday */
			return day - (j2day(day + POSTGRES_EPOCH_JDATE) + DAYS_PER_WEEK -
						  schedule->week_day) % DAYS_PER_WEEK +
				later * DAYS_PER_WEEK;
		case RDE_MONTHLY:
			return first_of_month(day - (schedule->month_start - 1), later) +
				schedule->month_start - 1;
		case RDE_QUARTERLY:
			j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
			return first_of_month(day, MONTHS_PER_QUARTER * later -
								  (month - 1) % MONTHS_PER_QUARTER);
	}
	pg_unreachable();
}

/* The first month_day from a day on; the last day of a month that has none. */
static DateADT
month_day_from(DateADT day, int month_day)
{
	DateADT		found = day;

	for (int months = 0; months <= 1; months++)
	{
		found = Min(first_of_month(day, months) + month_day - 1,
					first_of_month(day, months + 1) - 1);
		if (found >= day)
			break;
	}
	return found;
}

RdePeriod
rde_period_from(const RdeSchedule *schedule, TimestampTz from)
{
	RdePeriod	period;
	DateADT		day = rde_day_of(from, schedule->zone);
	DateADT		end;
	DateADT		run_day;

	/*
	 * One that has begun goes on when clocks are set back to the day before;
	 * one that a zone skipped altogether has no length.
	 */
	while (rde_day_start(day + 1, schedule->zone) <= from)
		day++;
	period.from = from;
	end = period_day(schedule, day, 1);
	period.to = rde_day_start(end, schedule->zone);

	if (schedule->event == RDE_MONTHLY || schedule->event == RDE_QUARTERLY)
		run_day = month_day_from(end, schedule->month_day);
	else
		run_day = rde_day_of(period.to, schedule->zone);
	period.run = Max(period.to, first_instant(run_day, schedule->run_at,
											  schedule->zone));
	return period;
}

/* Files of the tz database that hold another zone on each server. */
static bool
differs_by_server(const char *name)
{
	const char *file = strrchr(name, '/');

	file = file ? file + 1 : name;
	return strcmp(file, "localtime") == 0 || strcmp(file, "posixrules") == 0;
}

pg_tz *
rde_zone_find(const char *name)
{
	char		file[TZ_STRLEN_MAX + 1];
	pg_tz	   *zone;

	/*
	 * The colon asks for a file of the tz database.  Without it the server
	 * would take anything else for a rule of POSIX, where +05:30 is west.
	 */
	if (name[0] == ':' ||
		snprintf(file, sizeof(file), ":%s", name) >= sizeof(file))
		return NULL;
	zone = pg_tzset(file);
	if (zone == NULL || !pg_tz_acceptable(zone) ||
		differs_by_server(pg_get_timezone_name(zone)))
		return NULL;
	return zone;
}

pg_tz *
rde_zone(const char *name)
{
	pg_tz	   *zone = rde_zone_find(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "time_zone"),
				 errhint("The view pg_timezone_names lists the names there are. An offset is none: take a place that has it.")));
	return zone;
}

/* As a user knows them: both days are included. */
#define DAYS_HINT	"Both days are included."

void
rde_check_days(FunctionCallInfo fcinfo, int first)
{
	DateADT		from;
	DateADT		to;

	if (PG_ARGISNULL(first) || PG_ARGISNULL(first + 1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the first and the last day must not be null"),
				 err_generic_string(PG_DIAG_COLUMN_NAME,
									PG_ARGISNULL(first) ? "first_day" : "last_day"),
				 errhint(DAYS_HINT)));
	from = PG_GETARG_DATEADT(first);
	to = PG_GETARG_DATEADT(first + 1);
	if (DATE_NOT_FINITE(from) || DATE_NOT_FINITE(to))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the first and the last day must be finite dates"),
				 err_generic_string(PG_DIAG_COLUMN_NAME,
									DATE_NOT_FINITE(from) ? "first_day" : "last_day"),
				 errhint(DAYS_HINT)));
	if (from > to)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the first day (%s) is after the last day (%s)",
						DatumGetCString(DirectFunctionCall1(date_out,
															DateADTGetDatum(from))),
						DatumGetCString(DirectFunctionCall1(date_out,
															DateADTGetDatum(to)))),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "last_day"),
				 errhint(DAYS_HINT)));
}

PG_FUNCTION_INFO_V1(rde_check_days_sql);
PG_FUNCTION_INFO_V1(rde_day_start_sql);
PG_FUNCTION_INFO_V1(rde_day_beginning_sql);
PG_FUNCTION_INFO_V1(rde_period_day_sql);
PG_FUNCTION_INFO_V1(rde_next_period);

/* _rde_check_days(first_day date, last_day date) */
Datum
rde_check_days_sql(PG_FUNCTION_ARGS)
{
	rde_check_days(fcinfo, 0);
	PG_RETURN_VOID();
}

/* _rde_day_start(day date, zone text) → timestamptz */
Datum
rde_day_start_sql(PG_FUNCTION_ARGS)
{
	pg_tz	   *zone = rde_zone(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_TIMESTAMPTZ(rde_day_start(PG_GETARG_DATEADT(0), zone));
}

/*
 * _rde_day_beginning(instant timestamptz, zone text) → date
 *
 * Views call it for every report there is, so it raises nothing: one report of
 * times at the end of the calendar, or of a zone that this server has no more,
 * would hide all others.
 */
Datum
rde_day_beginning_sql(PG_FUNCTION_ARGS)
{
	TimestampTz instant = PG_GETARG_TIMESTAMPTZ(0);
	pg_tz	   *zone = rde_zone_find(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	const int64 margin = 400 * USECS_PER_DAY;	/* more than check_range() */
	DateADT		day;

	if (zone == NULL ||
		instant < MIN_TIMESTAMP + margin || instant >= END_TIMESTAMP - margin)
		PG_RETURN_NULL();
	day = rde_day_of(instant, zone);
	if (rde_day_start(day, zone) != instant)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(day);
}

/* _rde_period_day(event text, day date, week_day int, month_start int) → date */
Datum
rde_period_day_sql(PG_FUNCTION_ARGS)
{
	DateADT		day = PG_GETARG_DATEADT(1);
	RdeSchedule schedule = {
		.event = rde_event(text_to_cstring(PG_GETARG_TEXT_PP(0))),
		.week_day = PG_GETARG_INT32(2),
		.month_start = PG_GETARG_INT32(3)
	};

	check_range(day);
	PG_RETURN_DATEADT(period_day(&schedule, day, 0));
}

/*
 * _rde_next_period(event text, period_from timestamptz, zone text, week_day int,
 * month_start int, month_day int, run_at time, OUT period_to timestamptz, OUT
 * run timestamptz)
 */
Datum
rde_next_period(PG_FUNCTION_ARGS)
{
	RdeSchedule schedule;
	RdePeriod	period;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	schedule.event = rde_event(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	schedule.zone = rde_zone(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	schedule.week_day = PG_GETARG_INT32(3);
	schedule.month_start = PG_GETARG_INT32(4);
	schedule.month_day = PG_GETARG_INT32(5);
	schedule.run_at = PG_GETARG_TIMEADT(6);
	period = rde_period_from(&schedule, PG_GETARG_TIMESTAMPTZ(1));
	values[0] = TimestampTzGetDatum(period.to);
	values[1] = TimestampTzGetDatum(period.run);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
