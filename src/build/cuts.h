/*
 * cuts.h
 *	  The period of a report in slices of equal length.
 *
 * They are what a large report is built in, and where its file is cut (see
 * file/cut.h): another number of them gives large files other bytes.
 */
#ifndef RDE_CUTS_H
#define RDE_CUTS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

#define RDE_SLICES	64

typedef struct RdeCuts
{
	Oid			type;			/* of the period column */
	int64		begin[RDE_SLICES + 1];	/* where each begins, and the last
										 * ends, as that column counts */
} RdeCuts;

/* May a period column be of this type? */
extern bool rde_cuts_possible(Oid type);

/* Of a period column of that type; its days begin as in the zone. */
extern RdeCuts *rde_cuts_create(Oid type, TimestampTz from, TimestampTz to,
								pg_tz *zone);

/* The least value of the period column that is in the slice, or behind it. */
extern Datum rde_cuts_datum(const RdeCuts *cuts, int slice);

/* A value of the period column, as `begin` counts. */
extern int64 rde_cuts_count(const RdeCuts *cuts, Datum value);

/* Which slice of the period it is in. */
extern int	rde_cuts_slice(const RdeCuts *cuts, int64 count);

#endif							/* RDE_CUTS_H */
