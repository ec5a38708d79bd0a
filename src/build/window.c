/*
 * window.c
 *	  Snapshot windows: where one ends and the next begins.
 *
 * Invariant: for each generator and format, a window begins with the very
 * snapshot the one before it was read by.  Every change that commits is seen
 * by exactly one of two such snapshots for the first time, however long its
 * transaction took.
 */
#include "build/window.h"

#include "core/row.h"
#include "core/statement.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"

static const RdeStatement lock_ends = {
	.sql = "SELECT snapshot, pg_catalog.pg_snapshot_xmin(snapshot),"
	" system_identifier FROM %s._rde_generator_snapshot"
	" WHERE generator = $1 AND format = ANY ($2)"
	" ORDER BY format FOR UPDATE",
	.types = {UUIDOID, TEXTARRAYOID},
	.expected = SPI_OK_SELECT
};

RdeWindow *
rde_window_lock(const RdeHome *home, const RdeReport *first,
				ArrayType *formats, MemoryContext context)
{
	Datum		values[] = {
		UUIDPGetDatum(&first->generator), PointerGetDatum(formats)
	};
	RdeWindow  *window = MemoryContextAlloc(context, sizeof(RdeWindow));
	MemoryContext old;
	RdeRow		row;

	rde_execute(home, &lock_ends, values, NULL);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s has no snapshot to count changes from",
						rde_uuid_text(&first->generator)),
				 errhint("Let it begin now with rde_rebaseline_generator('%s').",
						 rde_uuid_text(&first->generator))));
	row = rde_row(0);
	old = MemoryContextSwitchTo(context);
	window->from = rde_row_copy(row, 1);
	window->from_xmin = rde_row_copy(row, 2);
	MemoryContextSwitchTo(old);
	if ((uint64) rde_row_int64(row, 3) != GetSystemIdentifier())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s was last run in another database cluster, whose transaction ids mean nothing here",
						rde_uuid_text(&first->generator)),
				 errhint("Let it begin anew with rde_rebaseline_generator('%s'); after pg_upgrade go on with rde_rebaseline_generator('%s', keep_window => true).",
						 rde_uuid_text(&first->generator),
						 rde_uuid_text(&first->generator))));
	return window;
}

static const RdeStatement read_snapshot = {
	.sql = "SELECT s, pg_catalog.pg_snapshot_xmax(s)"
	" FROM pg_catalog.pg_current_snapshot() s",
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

void
rde_window_end(const RdeHome *home, RdeWindow *window, MemoryContext context)
{
	MemoryContext old;

	rde_execute(home, &read_snapshot, NULL, NULL);
	old = MemoryContextSwitchTo(context);
	window->to = rde_row_copy(rde_row(0), 1);
	window->to_xmax = rde_row_copy(rde_row(0), 2);
	MemoryContextSwitchTo(old);
}

static const RdeStatement save_ends = {
	.sql = "UPDATE %s._rde_generator_snapshot"
	" SET snapshot = $3, taken_at = clock_timestamp()"
	" WHERE generator = $1 AND format = ANY ($2)",
	.types = {UUIDOID, TEXTARRAYOID, PG_SNAPSHOTOID},
	.expected = SPI_OK_UPDATE
};

void
rde_window_save(const RdeHome *home, const RdeReport *first,
				ArrayType *formats, const RdeWindow *window)
{
	Datum		values[] = {
		UUIDPGetDatum(&first->generator), PointerGetDatum(formats), window->to
	};

	rde_execute(home, &save_ends, values, NULL);
}
