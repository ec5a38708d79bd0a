/*
 * settle.c
 *	  Decides which periods are settled.
 *
 * Invariant: errs towards too early only.  What cannot be seen may be a
 * transaction that began before anything.
 */
#include "build/settle.h"

#include "core/row.h"
#include "core/statement.h"
#include "utils/timestamp.h"

/*
 * A transaction takes its start time a moment before other sessions can see
 * it; this is far more than that moment, and covers small steps of the clock.
 */
#define SETTLE_DELAY	(5 * USECS_PER_SEC)

static const RdeStatement oldest_blocker = {
	.sql = "SELECT pg_catalog.min(began) FROM %s._rde_blockers()",
	.expected = SPI_OK_SELECT
};

TimestampTz
rde_settle_horizon(const RdeHome *home)
{
	/* read first: what begins while the sessions are looked at is later */
	TimestampTz now = GetCurrentTimestamp() - SETTLE_DELAY;
	TimestampTz horizon = now;
	RdeRow		row;

	rde_execute(home, &oldest_blocker, NULL, NULL);
	row = rde_row(0);
	if (!rde_row_is_null(row, 1))
		horizon = Min(now, rde_row_instant(row, 1));
	SPI_freetuptable(SPI_tuptable);
	return horizon;
}
