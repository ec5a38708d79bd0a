/*
 * watermark.c
 *	  Sources that are filled from elsewhere: before when has all arrived?
 *
 * Invariant: a watermark is read before the rows are, as its owner; what it says has
 * arrived is seen by every later snapshot.
 */
#include "build/watermark.h"

#include "access/relation.h"
#include "build/failure.h"
#include "catalog/pg_type.h"
#include "core/row.h"
#include "core/statement.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/*
 * The least value of a relation with one column; the beginning of time for none, and
 * if one is NULL: of what that one is about nothing is known.
 */
static TimestampTz
read_watermark(Oid id, const char *dataset)
{
	Relation	relation = try_relation_open(id, AccessShareLock);
	TimestampTz reached;
	RdeIdentity saved;
	const char *column = NULL;
	char	   *sql;
	int			result;

	for (int i = 0; relation && i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		if (!attribute->attisdropped && attribute->atttypid == TIMESTAMPTZOID)
			column = NameStr(attribute->attname);
	}
	if (column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the watermark of data set \"%s\" no longer exists",
						dataset),
				 errhint("Attach the source again with rde_attach().")));
	sql = psprintf("SELECT CASE WHEN pg_catalog.bool_and(%s IS NOT NULL)"
				   " THEN pg_catalog.min(%s) END FROM %s",
				   quote_identifier(column), quote_identifier(column),
				   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
											  RelationGetRelationName(relation)));
	rde_identity_enter_source(relation->rd_rel->relowner, "UTC", &saved);
	result = SPI_execute(sql, false, 1);
	rde_identity_leave(&saved);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result %d", result);
	reached = rde_row_is_null(rde_row(0), 1) ? DT_NOBEGIN :
		rde_row_instant(rde_row(0), 1);
	relation_close(relation, NoLock);
	return reached;
}

static const RdeStatement find_arrival = {
	.sql = "SELECT watermark::oid, clock_timestamp() - delay"
	" FROM %s._rde_source WHERE dataset = $1",
	.types = {TEXTOID},
	.expected = SPI_OK_SELECT
};

TimestampTz
rde_watermark_arrived(const RdeHome *home, const char *dataset)
{
	Datum		values[] = {CStringGetTextDatum(dataset)};
	TimestampTz arrived = DT_NOEND;
	RdeRow		row;

	rde_execute(home, &find_arrival, values, NULL);
	if (SPI_processed == 0)
		return arrived;
	row = rde_row(0);
	if (!rde_row_is_null(row, 2))
		arrived = rde_row_instant(row, 2);
	if (!rde_row_is_null(row, 1))
		arrived = Min(arrived, read_watermark(rde_row_oid(row, 1), dataset));
	return arrived;
}

/* A data set whose watermark is read. */
typedef struct Watermark
{
	const RdeHome *home;
	char	   *dataset;
	Oid			relation;
} Watermark;

static const RdeStatement store_watermark = {
	.sql = "INSERT INTO %s._rde_watermark AS w (dataset, reached)"
	" VALUES ($1, $2) ON CONFLICT ON CONSTRAINT _rde_watermark_pkey"
	" DO UPDATE SET reached = EXCLUDED.reached"
	" WHERE w.reached <> EXCLUDED.reached",
	.types = {TEXTOID, TIMESTAMPTZOID},
	.expected = SPI_OK_INSERT
};

static bool
refresh(void *argument)
{
	Watermark  *it = argument;
	Datum		values[] = {
		CStringGetTextDatum(it->dataset),
		TimestampTzGetDatum(read_watermark(it->relation, it->dataset))
	};

	rde_execute(it->home, &store_watermark, values, NULL);
	return true;
}

static const RdeStatement list_watermarks = {
	.sql = "SELECT dataset, watermark::oid FROM %s._rde_source"
	" WHERE watermark IS NOT NULL ORDER BY dataset",
	.expected = SPI_OK_SELECT
};

void
rde_watermark_refresh(const RdeHome *home, MemoryContext context)
{
	SPITupleTable *rows;
	uint64		count;

	rde_execute(home, &list_watermarks, NULL, NULL);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		RdeRow		row = {rows->vals[i], rows->tupdesc};
		Watermark	it = {home, rde_row_text(row, 1), rde_row_oid(row, 2)};
		RdeFailure *failure = rde_attempt(refresh, &it, context);

		if (failure && failure->interrupt)
			rde_failure_raise(failure);
		if (failure)
			ereport(WARNING,
					(errcode(failure->error->sqlerrcode),
					 errmsg("watermark of data set \"%s\" could not be read: %s",
							it.dataset, failure->error->message)));
	}
}
