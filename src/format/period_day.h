/*
 * period_day.h
 *	  The day a row belongs to.
 */
#ifndef RDE_PERIOD_DAY_H
#define RDE_PERIOD_DAY_H

#include "format/column.h"

/* Where days are looked up; nothing but the zone is set. */
typedef struct RdeDays
{
	struct pg_tz *zone;
	DateADT		known_day;		/* the last one found, and its instants: */
	TimestampTz known_start;	/* half-open, empty at first */
	TimestampTz known_end;
} RdeDays;

/*
 * The day of a period column's value in the zone.  False if it has none, or none
 * that sheets know.
 */
extern bool rde_day_of_period(RdeDays *days, const RdeValue *period,
							  DateADT *day);

#endif							/* RDE_PERIOD_DAY_H */
