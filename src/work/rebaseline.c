/*
 * rebaseline.c
 *	  Snapshot windows begin anew: after a restore, a change of the source, or in
 *	  another cluster.
 *
 * Invariant: where a window begins, this cluster's transaction ids mean what they
 * say: no row of the source carries one that has yet to come.
 */
#include "core/row.h"
#include "core/statement.h"
#include "who/sight.h"

#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A generator that is to be rebaselined, and its source. */
typedef struct Baseline
{
	const char *dataset;
	Oid			relation;
	const char *change;
} Baseline;

static const RdeStatement lock_generator = {
	.sql = "SELECT g.dataset, s.relation::oid, s.change_column,"
	" g.next_run_at IS NOT NULL"
	" FROM %s._rde_generator g"
	" LEFT JOIN %s._rde_source s ON s.dataset = g.dataset"
	" WHERE g.id = $1 FOR UPDATE OF g",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static Baseline
find_generator(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};
	Baseline	found = {0};
	RdeRow		row;

	rde_execute(home, &lock_generator, values, NULL);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("generator %s does not exist", rde_uuid_text(id)),
				 errhint("The view rde_generators lists the generators there are.")));
	row = rde_row(0);
	found.dataset = rde_row_text(row, 1);
	if (!rde_row_is_null(row, 2))
		found.relation = rde_row_oid(row, 2);
	found.change = rde_row_text_or_null(row, 3);
	if (found.change == NULL || !rde_row_bool(row, 4))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("generator %s does not report snapshot windows",
						rde_uuid_text(id)),
				 errdetail("Only generators that have a calendar, of a data set with a change column, do.")));
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

static const RdeStatement keep_ends = {
	.sql = "UPDATE %s._rde_generator_snapshot SET system_identifier = $2"
	" WHERE generator = $1 AND pg_catalog.pg_snapshot_xmax(snapshot)"
	" <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())",
	.types = {UUIDOID, INT8OID},
	.expected = SPI_OK_UPDATE
};

static const RdeStatement forget_ends = {
	.sql = "DELETE FROM %s._rde_generator_snapshot WHERE generator = $1",
	.types = {UUIDOID},
	.expected = SPI_OK_DELETE
};

static const RdeStatement begin_now = {
	.sql = "INSERT INTO %s._rde_generator_snapshot"
	" (generator, format, snapshot, system_identifier)"
	" SELECT id, unnest(formats), pg_current_snapshot(), $2"
	" FROM %s._rde_generator WHERE id = $1"
	" RETURNING pg_snapshot_xmax(snapshot)",
	.types = {UUIDOID, INT8OID},
	.expected = SPI_OK_INSERT_RETURNING
};

static const RdeStatement retry_reports = {
	.sql = "UPDATE %s._rde_report SET retry_at = clock_timestamp()"
	" WHERE generator = $1 AND snapshot_window AND retry_at IS NOT NULL",
	.types = {UUIDOID},
	.expected = SPI_OK_UPDATE
};

/* Go on with the last windows' ends, which this cluster's ids have passed. */
static void
keep_window(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {
		UUIDPGetDatum(id), Int64GetDatum((int64) GetSystemIdentifier())
	};

	rde_execute(home, &keep_ends, values, NULL);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the last window of generator %s ended at a transaction id that this cluster has yet to reach",
						rde_uuid_text(id)),
				 errdetail("A window can be kept after pg_upgrade, which goes on counting, but not in another cluster."),
				 errhint("Let it begin anew with rde_rebaseline_generator('%s').",
						 rde_uuid_text(id))));
}

static void
begin_anew(const RdeHome *home, const pg_uuid_t *id,
		   const Baseline *generator)
{
	Datum		values[] = {
		UUIDPGetDatum(id), Int64GetDatum((int64) GetSystemIdentifier())
	};

	rde_execute(home, &forget_ends, values, NULL);
	rde_execute(home, &begin_now, values, NULL);
	check_no_future(generator, rde_row_copy(rde_row(0), 1));
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
	Datum		values[1];
	pg_uuid_t	id;
	Baseline	generator;

	rde_refuse_account(home);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("generator and keep_window must not be null")));
	id = *PG_GETARG_UUID_P(0);
	values[0] = UUIDPGetDatum(&id);

	rde_connect();
	generator = find_generator(home, &id);
	if (PG_GETARG_BOOL(1))
		keep_window(home, &id);
	else
		begin_anew(home, &id, &generator);
	rde_execute(home, &retry_reports, values, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}
