/*
 * period_day.c
 *	  The day a row belongs to.
 *
 * Invariant: rows of a day are those that a report of it has.
 */
#include "format/period_day.h"

#include "common/int.h"
#include "core/calendar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#define UNIX_TO_POSTGRES \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Days of the years 1 to 9999. */
#define FIRST_DAY		(1721426 - POSTGRES_EPOCH_JDATE)
#define END_OF_DAYS		((int64) (5373485 - POSTGRES_EPOCH_JDATE))
#define MIN_TIME		((int64) FIRST_DAY * USECS_PER_DAY)

/*
 * The day of an instant, that whose rows a report of it has: where a clock was set
 * back over midnight, none comes back.
 */
static DateADT
day_of(RdeDays *days, TimestampTz time)
{
	DateADT		day;

	if (time >= days->known_start && time < days->known_end)
		return days->known_day;
	day = rde_day_of(time, days->zone);
	if (time < rde_day_start(day, days->zone))
		day--;
	else if (time >= rde_day_start(day + 1, days->zone))
		day++;
	days->known_day = day;
	days->known_start = rde_day_start(day, days->zone);
	days->known_end = rde_day_start(day + 1, days->zone);
	return day;
}

bool
rde_day_of_period(RdeDays *days, const RdeValue *period, DateADT *day)
{
	TimestampTz time = period->u.time;

	switch (period->shape)
	{
		case RDE_DATE:
			*day = period->u.date;
			return *day < END_OF_DAYS;
		case RDE_UNIX:
			if (pg_mul_s64_overflow(period->u.integer - UNIX_TO_POSTGRES,
									USECS_PER_SEC, &time) ||
				time < MIN_TIME)
				return false;
			/* FALLTHROUGH */
		case RDE_INSTANT:
			if (time >= END_OF_DAYS * USECS_PER_DAY)
				return false;
			*day = day_of(days, time);
			return true;
		default:
			return false;
	}
}
