/*
 * settle.c
 *	  Decides whether a period is settled.
 *
 * Invariant: errs towards false only.  What cannot be seen may be a transaction
 * that began before the end.
 */
#include "settle.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

/*
 * A transaction takes its start time a moment before other sessions can see
 * it; this is far more than that moment, and covers small steps of the clock.
 */
#define SETTLE_DELAY	(5 * USECS_PER_SEC)

static bool
exists(const RdeHome *home, const char *statement, int nargs, Oid *types,
	   Datum *values)
{
	bool		found;

	rde_execute(home, statement, nargs, types, values, NULL, true,
				SPI_OK_SELECT);
	found = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return found;
}

bool
rde_settled(const RdeHome *home, TimestampTz period_end)
{
	Oid			types[] = {OIDOID, INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {
		ObjectIdGetDatum(MyDatabaseId),
		Int32GetDatum(MyProcPid),
		TimestampTzGetDatum(period_end)
	};

	if (GetCurrentTimestamp() - SETTLE_DELAY < period_end)
		return false;

	/* else the sessions of this transaction's first look are shown again */
	pgstat_clear_backend_activity_snapshot();

	/*
	 * A session with track_activities off shows no start time, so there any
	 * transaction that has an xid or a snapshot counts; one whose backend
	 * type is hidden shows nothing at all.  Vacuum workers and WAL senders
	 * write no rows.
	 */
	if (exists(home,
			   "SELECT FROM pg_stat_activity"
			   " WHERE datid = $1 AND pid <> $2"
			   " AND coalesce(backend_type, '')"
			   " NOT IN ('autovacuum worker', 'walsender')"
			   " AND (xact_start < $3 OR (xact_start IS NULL"
			   " AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL"
			   " OR backend_type IS NULL)))",
			   3, types, values))
		return false;

	/*
	 * After the sessions, not before: a transaction prepared in between would
	 * be seen in neither.  When it began is not recorded anywhere, so each of
	 * them counts.
	 */
	return !exists(home, "SELECT FROM pg_prepared_xact() WHERE dbid = $1",
				   1, types, values);
}
