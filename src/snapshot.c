/*
 * snapshot.c
 *	  Snapshot windows: their ends, and beginning anew in another cluster.
 *
 * Invariant: for each generator and format, a window begins with the very
 * snapshot the one before it was read by.  Every change that commits is seen
 * by exactly one of two such snapshots for the first time, however long its
 * transaction took.
 */
#include "snapshot.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "calendar.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* A value of the first row SPI returned, in a context that outlives it. */
static Datum
first_value(int column, bool byval, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
						  column, &isnull);
	if (isnull)
		elog(ERROR, "unexpected null");
	value = datumCopy(value, byval, byval ? sizeof(int64) : -1);
	MemoryContextSwitchTo(old);
	return value;
}

RdeWindow *
rde_window_lock(const RdeHome *home, const RdeReport *first,
				ArrayType *formats, MemoryContext context)
{
	Oid			types[] = {UUIDOID, TEXTARRAYOID};
	Datum		values[] = {
		UUIDPGetDatum(&first->generator), PointerGetDatum(formats)
	};
	RdeWindow  *window = MemoryContextAlloc(context, sizeof(RdeWindow));
	uint64		cluster;

	rde_execute(home,
				"SELECT snapshot, pg_catalog.pg_snapshot_xmin(snapshot),"
				" system_identifier FROM %s.rde_generator_snapshot"
				" WHERE generator = $1 AND format = ANY ($2)"
				" ORDER BY format FOR UPDATE",
				2, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s has no snapshot to count changes from",
						rde_uuid_text(&first->generator)),
				 errhint("Let it begin now with rde_rebaseline('%s').",
						 rde_uuid_text(&first->generator))));
	window->from = first_value(1, false, context);
	window->from_xmin = first_value(2, FLOAT8PASSBYVAL, context);
	cluster = DatumGetInt64(first_value(3, FLOAT8PASSBYVAL, context));
	if (cluster != GetSystemIdentifier())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s was last run in another database cluster, whose transaction ids mean nothing here",
						rde_uuid_text(&first->generator)),
				 errhint("Let it begin anew with rde_rebaseline('%s'); after pg_upgrade go on with rde_rebaseline('%s', keep_window => true).",
						 rde_uuid_text(&first->generator),
						 rde_uuid_text(&first->generator))));
	return window;
}

void
rde_window_end(const RdeHome *home, RdeWindow *window, MemoryContext context)
{
	rde_execute(home,
				"SELECT s, pg_catalog.pg_snapshot_xmax(s)"
				" FROM pg_catalog.pg_current_snapshot() s",
				0, NULL, NULL, NULL, true, SPI_OK_SELECT);
	window->to = first_value(1, false, context);
	window->to_xmax = first_value(2, FLOAT8PASSBYVAL, context);
}

void
rde_window_save(const RdeHome *home, const RdeReport *first,
				ArrayType *formats, const RdeWindow *window)
{
	Oid			types[] = {UUIDOID, TEXTARRAYOID, PG_SNAPSHOTOID};
	Datum		values[] = {
		UUIDPGetDatum(&first->generator), PointerGetDatum(formats), window->to
	};

	rde_execute(home,
				"UPDATE %s.rde_generator_snapshot"
				" SET snapshot = $3, taken_at = clock_timestamp()"
				" WHERE generator = $1 AND format = ANY ($2)",
				3, types, values, NULL, false, SPI_OK_UPDATE);
}
