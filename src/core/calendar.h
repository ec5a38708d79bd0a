/*
 * calendar.h
 *	  Days and instants in a time zone.
 */
#ifndef RDE_CALENDAR_H
#define RDE_CALENDAR_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/date.h"

/*
 * The instant a day begins in a zone: its first midnight, or where a clock
 * change skips midnight, the instant of that change.  Raises 22008 out of range.
 */
extern TimestampTz rde_day_start(DateADT day, pg_tz *zone);

/* When does a generator make reports? */
typedef enum RdeEvent
{
	RDE_DAILY,
	RDE_MONTHLY,
	RDE_ON_INVOICE,
	RDE_MANUAL
} RdeEvent;

/* What a generator's calendar depends on. */
typedef struct RdeSchedule
{
	RdeEvent	event;			/* RDE_DAILY or RDE_MONTHLY */
	pg_tz	   *zone;
	int			month_day;		/* 29..31: the last day of shorter months */
	TimeADT		run_at;
} RdeSchedule;

typedef struct RdePeriod
{
	TimestampTz from;			/* half-open */
	TimestampTz to;
	TimestampTz run;			/* when it is due, never before its end */
} RdePeriod;

/*
 * The period that begins at `from`: it ends where the next day or month of the
 * zone begins, whatever zone `from` was reckoned in.
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

#endif							/* RDE_CALENDAR_H */
