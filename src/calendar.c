/*
 * calendar.c
 *	  Days and instants in a time zone, over the server's tz database.
 */
#include "calendar.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("date out of range for a report")));
}

TimestampTz
rde_day_start(DateADT day, pg_tz *zone)
{
	struct pg_tm tm = {0};
	TimestampTz start;
	int			offset;

	if (DATE_NOT_FINITE(day) ||
		day < (DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE) ||
		day >= (TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE))
		out_of_range();
	j2date(day + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	offset = DetermineTimeZoneOffset(&tm, zone);
	if (tm2timestamp(&tm, 0, &offset, &start) != 0)
		out_of_range();
	return start;
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

	return rde_day_start(day, zone) < instant ? day + 1 : day;
}

pg_tz *
rde_zone(const char *name)
{
	pg_tz	   *zone = strlen(name) > TZ_STRLEN_MAX ? NULL : pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errhint("The view pg_timezone_names lists the names there are.")));
	return zone;
}
