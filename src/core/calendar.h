/*
 * calendar.h
 *	  Days and instants in a time zone.
 */
#ifndef RDE_CALENDAR_H
#define RDE_CALENDAR_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/date.h"

/*
 * The instant a day begins in a zone: its first midnight, or where a clock
 * change skips midnight, the instant of that change.  Raises 22008 out of range.
 */
extern TimestampTz rde_day_start(DateADT day, pg_tz *zone);

/*
 * How often does a generator with a calendar make reports?  All other events,
 * and reports on request, have no periods that follow each other.
 */
typedef enum RdeEvent
{
	RDE_DAILY,
	RDE_WEEKLY,
	RDE_MONTHLY,
	RDE_QUARTERLY
} RdeEvent;

#define RDE_EVENT_COUNT	(RDE_QUARTERLY + 1)

/* What they are called: a generator's event, and its reports' type. */
extern const char *const rde_event_names[RDE_EVENT_COUNT];

extern RdeEvent rde_event(const char *name);

/* What a generator's calendar depends on. */
typedef struct RdeSchedule
{
	RdeEvent	event;
	pg_tz	   *zone;
	int			week_day;		/* where weeks begin: 1 is Monday, 7 Sunday */
	int			month_start;	/* where months begin: 1..28 */
	int			month_day;		/* the day months and quarters are due on;
								 * 29..31: the last day of shorter months */
	TimeADT		run_at;
} RdeSchedule;

typedef struct RdePeriod
{
	TimestampTz from;			/* half-open */
	TimestampTz to;
	TimestampTz run;			/* when it is due, never before its end */
} RdePeriod;

/*
 * The period that begins at `from`: it ends where the next day, week, month or
 * quarter of the zone begins, whatever zone `from` was reckoned in.
 */
extern RdePeriod rde_period_from(const RdeSchedule *schedule,
								 TimestampTz from);

/* The day an instant falls on in a zone. */
extern DateADT rde_day_of(TimestampTz instant, pg_tz *zone);

/* The first day whose start is not before the instant. */
extern DateADT rde_first_day_from(TimestampTz instant, pg_tz *zone);

/*
 * A time zone by a name that the server's tz database has, in any case; NULL,
 * or 22023, for others, and for those that mean another zone on each server.
 */
extern pg_tz *rde_zone_find(const char *name);
extern pg_tz *rde_zone(const char *name);

/*
 * A function's arguments number `first` and the next are the first and the last
 * day of a period.  Raises 22004 for NULLs, 22023 for days that are not finite or
 * not in this order.
 */
extern void rde_check_days(FunctionCallInfo fcinfo, int first);

#endif							/* RDE_CALENDAR_H */
