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
#include "catalog/pg_type.h"
#include "utils/timestamp.h"

static const RdeStatement find_horizon = {
	.sql = "SELECT LEAST($1 - %s._rde_settle_delay(), pg_catalog.min(began))"
	" FROM %s._rde_blockers()",
	.types = {TIMESTAMPTZOID},
	.expected = SPI_OK_SELECT
};

TimestampTz
rde_settle_horizon(const RdeHome *home)
{
	/* read first: what begins while the sessions are looked at is later */
	Datum		values[] = {TimestampTzGetDatum(GetCurrentTimestamp())};
	TimestampTz horizon;

	rde_execute(home, &find_horizon, values, NULL);
	horizon = rde_row_instant(rde_row(0), 1);
	SPI_freetuptable(SPI_tuptable);
	return horizon;
}
