/*
 * window.c
 *	  Snapshot windows: their ends, and beginning anew in another cluster.
 *
 * Invariant: for each generator and format, a window begins with the very
 * snapshot the one before it was read by.  Every change that commits is seen
 * by exactly one of two such snapshots for the first time, however long its
 * transaction took.
 */
#include "build/window.h"

#include "who/who.h"
#include "access/relation.h"
#include "access/xlog.h"
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
				" system_identifier FROM %s._rde_generator_snapshot"
				" WHERE generator = $1 AND format = ANY ($2)"
				" ORDER BY format FOR UPDATE",
				2, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s has no snapshot to count changes from",
						rde_uuid_text(&first->generator)),
				 errhint("Let it begin now with rde_rebaseline_generator('%s').",
						 rde_uuid_text(&first->generator))));
	window->from = first_value(1, false, context);
	window->from_xmin = first_value(2, FLOAT8PASSBYVAL, context);
	cluster = DatumGetInt64(first_value(3, FLOAT8PASSBYVAL, context));
	if (cluster != GetSystemIdentifier())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s was last run in another database cluster, whose transaction ids mean nothing here",
						rde_uuid_text(&first->generator)),
				 errhint("Let it begin anew with rde_rebaseline_generator('%s'); after pg_upgrade go on with rde_rebaseline_generator('%s', keep_window => true).",
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
				"UPDATE %s._rde_generator_snapshot"
				" SET snapshot = $3, taken_at = clock_timestamp()"
				" WHERE generator = $1 AND format = ANY ($2)",
				3, types, values, NULL, false, SPI_OK_UPDATE);
}

/* A generator that is to be rebaselined, and its source. */
typedef struct Baseline
{
	const char *dataset;
	Oid			relation;
	const char *change;
} Baseline;

static Baseline
find_generator(const RdeHome *home, const pg_uuid_t *id)
{
	Oid			types[] = {UUIDOID};
	Datum		values[] = {UUIDPGetDatum(id)};
	Baseline	found;
	bool		isnull;
	Datum		relation;

	rde_execute(home,
				"SELECT g.dataset, s.relation::oid, s.change_column,"
				" g.event IN ('daily', 'monthly')"
				" FROM %s._rde_generator g"
				" LEFT JOIN %s._rde_source s ON s.dataset = g.dataset"
				" WHERE g.id = $1 FOR UPDATE OF g",
				1, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("generator %s does not exist", rde_uuid_text(id)),
				 errhint("The view rde_generators lists the generators there are.")));
	found.dataset = SPI_getvalue(SPI_tuptable->vals[0],
								 SPI_tuptable->tupdesc, 1);
	relation = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
							 &isnull);
	found.relation = isnull ? InvalidOid : DatumGetObjectId(relation);
	found.change = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								3);
	if (found.change == NULL ||
		strcmp(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4),
			   "t") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s does not report snapshot windows",
						rde_uuid_text(id)),
				 errdetail("Only daily and monthly generators of a data set with a change column do.")));
	return found;
}

/*
 * Transaction ids this cluster has yet to give out come with rows of another.
 * They would be taken for changes one day.
 */
static void
check_no_future(const Baseline *generator, Datum xmax)
{
	Relation	relation = try_relation_open(generator->relation,
											 AccessShareLock);
	Oid			types[] = {XID8OID};
	RdeIdentity saved;
	const char *name;
	char	   *sql;
	int			result;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the source of data set \"%s\" no longer exists",
						generator->dataset),
				 errhint("Attach another with rde_attach().")));
	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
	sql = psprintf("SELECT FROM %s AS s WHERE s.%s >= $1", name,
				   quote_identifier(generator->change));
	rde_identity_enter_source(relation->rd_rel->relowner, "UTC", &saved);
	result = SPI_execute_with_args(sql, 1, types, &xmax, NULL, true, 1);
	rde_identity_leave(&saved);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result %d", result);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of %s carry transaction ids that this cluster has yet to reach",
						name),
				 errdetail("They were stamped in another cluster and would be reported as changes one day."),
				 errhint("Stamp them anew, as in UPDATE %s SET %s = pg_current_xact_id() WHERE %s >= pg_snapshot_xmax(pg_current_snapshot()), and try again.",
						 name, quote_identifier(generator->change),
						 quote_identifier(generator->change))));
	relation_close(relation, NoLock);
}

PG_FUNCTION_INFO_V1(rde_rebaseline_generator);

/*
 * rde_rebaseline_generator(generator uuid, keep_window boolean).  Raises 22004
 * for NULLs, 42704 for what does not exist, 55000 for a generator without
 * snapshot windows or a source or snapshot of a cluster that was further on.
 */
Datum
rde_rebaseline_generator(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	Oid			types[] = {UUIDOID, INT8OID};
	Datum		values[2];
	pg_uuid_t	id;
	Baseline	generator;
	bool		keep;

	rde_refuse_account(home);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("generator and keep_window must not be null")));
	id = *PG_GETARG_UUID_P(0);
	keep = PG_GETARG_BOOL(1);
	values[0] = UUIDPGetDatum(&id);
	values[1] = Int64GetDatum((int64) GetSystemIdentifier());

	rde_connect();
	generator = find_generator(home, &id);
	if (keep)
	{
		rde_execute(home,
					"UPDATE %s._rde_generator_snapshot SET system_identifier = $2"
					" WHERE generator = $1 AND pg_catalog.pg_snapshot_xmax(snapshot)"
					" <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())",
					2, types, values, NULL, false, SPI_OK_UPDATE);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the last window of generator %s ended at a transaction id that this cluster has yet to reach",
							rde_uuid_text(&id)),
					 errdetail("A window can be kept after pg_upgrade, which goes on counting, but not in another cluster."),
					 errhint("Let it begin anew with rde_rebaseline_generator('%s').",
							 rde_uuid_text(&id))));
	}
	else
	{
		MemoryContext context = CurrentMemoryContext;
		Datum		xmax;

		rde_execute(home,
					"DELETE FROM %s._rde_generator_snapshot WHERE generator = $1",
					1, types, values, NULL, false, SPI_OK_DELETE);
		rde_execute(home,
					"INSERT INTO %s._rde_generator_snapshot"
					" (generator, format, snapshot, system_identifier)"
					" SELECT id, unnest(formats), pg_current_snapshot(), $2"
					" FROM %s._rde_generator WHERE id = $1"
					" RETURNING pg_snapshot_xmax(snapshot)",
					2, types, values, NULL, false, SPI_OK_INSERT_RETURNING);
		xmax = first_value(1, FLOAT8PASSBYVAL, context);
		check_no_future(&generator, xmax);
	}
	rde_execute(home,
				"UPDATE %s._rde_report SET retry_at = clock_timestamp()"
				" WHERE generator = $1 AND snapshot_window"
				" AND retry_at IS NOT NULL",
				1, types, values, NULL, false, SPI_OK_UPDATE);
	SPI_finish();
	PG_RETURN_VOID();
}
