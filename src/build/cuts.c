/*
 * cuts.c
 *	  The period of a report in slices of equal length.
 *
 * Invariant: every row of the period is in exactly one slice, and slices follow
 * each other as rows do.  A slice in which no value of the period column lies,
 * such as the noon of a date, is empty.
 */
#include "build/cuts.h"

#include "catalog/pg_type.h"
#include "core/calendar.h"
#include "utils/date.h"
#include "utils/timestamp.h"

/* Unix seconds of the first whole second that is not before the instant. */
static int64
unix_seconds_from(TimestampTz instant)
{
	int64		seconds = instant / USECS_PER_SEC;

	if (seconds * USECS_PER_SEC < instant)
		seconds++;
	return seconds +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* The least value of the period column that is not before an instant. */
static int64
count_from(Oid type, TimestampTz instant, pg_tz *zone)
{
	return type == DATEOID ? rde_first_day_from(instant, zone) :
		type == INT8OID ? unix_seconds_from(instant) : instant;
}

bool
rde_cuts_possible(Oid type)
{
	return type == TIMESTAMPTZOID || type == DATEOID || type == INT8OID;
}

RdeCuts *
rde_cuts_create(Oid type, TimestampTz from, TimestampTz to, pg_tz *zone)
{
	RdeCuts    *cuts = palloc(sizeof(RdeCuts));
	int64		length = to / RDE_SLICES - from / RDE_SLICES;

	cuts->type = type;
	for (int i = 0; i < RDE_SLICES; i++)
		cuts->begin[i] = count_from(type, from + i * length, zone);
	cuts->begin[RDE_SLICES] = count_from(type, to, zone);
	return cuts;
}

Datum
rde_cuts_datum(const RdeCuts *cuts, int slice)
{
	int64		count = cuts->begin[slice];

	/* an instant is a number of 64 bits, too */
	return cuts->type == DATEOID ? DateADTGetDatum((DateADT) count) :
		Int64GetDatum(count);
}

int64
rde_cuts_count(const RdeCuts *cuts, Datum value)
{
	return cuts->type == DATEOID ? DatumGetDateADT(value) :
		DatumGetInt64(value);
}

int
rde_cuts_slice(const RdeCuts *cuts, int64 count)
{
	int			slice = 0;

	while (slice < RDE_SLICES - 1 && count >= cuts->begin[slice + 1])
		slice++;
	return slice;
}
