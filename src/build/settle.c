/*
 * settle.c
 *	  Decides which periods are settled.
 *
 * Invariant: errs towards too early only.  What cannot be seen may be a
 * transaction that began before anything.
 */
#include "build/settle.h"

#include "utils/timestamp.h"

/*
 * A transaction takes its start time a moment before other sessions can see
 * it; this is far more than that moment, and covers small steps of the clock.
 */
#define SETTLE_DELAY	(5 * USECS_PER_SEC)

TimestampTz
rde_settle_horizon(const RdeHome *home)
{
	/* read first: what begins while the sessions are looked at is later */
	TimestampTz now = GetCurrentTimestamp() - SETTLE_DELAY;
	TimestampTz began;
	bool		isnull;

	rde_execute(home, "SELECT pg_catalog.min(began) FROM %s._rde_blockers()",
				0, NULL, NULL, NULL, false, SPI_OK_SELECT);
	began = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
											  SPI_tuptable->tupdesc, 1,
											  &isnull));
	SPI_freetuptable(SPI_tuptable);
	return isnull ? now : Min(now, began);
}
