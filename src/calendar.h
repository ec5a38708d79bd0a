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
 * The instant a day begins in a zone: its midnight, or where a clock change
 * skips midnight, the first instant after it.  Raises 22008 out of range.
 */
extern TimestampTz rde_day_start(DateADT day, pg_tz *zone);

/* The day an instant falls on in a zone. */
extern DateADT rde_day_of(TimestampTz instant, pg_tz *zone);

/* The first day whose start is not before the instant. */
extern DateADT rde_first_day_from(TimestampTz instant, pg_tz *zone);

/* A time zone by name; raises 22023. */
extern pg_tz *rde_zone(const char *name);

#endif							/* RDE_CALENDAR_H */
