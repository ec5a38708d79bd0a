/*
 * settle.c
 *	  Decides which periods are settled.
 *
 * Invariant: errs towards too early only.  What cannot be seen may be a
 * transaction that began before anything, or a row that is still on its way.
 */
#include "build/settle.h"

#include "access/relation.h"
#include "build/failure.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
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

/* The least value of a relation with one column; the beginning of time for none. */
static TimestampTz
read_watermark(Oid id, const char *dataset)
{
	Relation	relation = try_relation_open(id, AccessShareLock);
	TimestampTz reached;
	RdeIdentity saved;
	const char *column = NULL;
	char	   *sql;
	bool		isnull;
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
	sql = psprintf("SELECT pg_catalog.min(%s) FROM %s",
				   quote_identifier(column),
				   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
											  RelationGetRelationName(relation)));
	rde_identity_enter_source(relation->rd_rel->relowner, "UTC", &saved);
	result = SPI_execute(sql, false, 1);
	rde_identity_leave(&saved);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result %d", result);
	reached = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
												SPI_tuptable->tupdesc, 1,
												&isnull));
	relation_close(relation, NoLock);
	return isnull ? DT_NOBEGIN : reached;
}

TimestampTz
rde_settle_arrived(const RdeHome *home, const char *dataset)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(dataset)};
	TimestampTz arrived = DT_NOEND;
	Datum		watermark;
	Datum		delayed;
	bool		no_watermark;
	bool		no_delay;

	rde_execute(home,
				"SELECT watermark::oid, clock_timestamp() - delay"
				" FROM %s._rde_source WHERE dataset = $1",
				1, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return arrived;
	watermark = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							  &no_watermark);
	delayed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
							&no_delay);
	if (!no_delay)
		arrived = DatumGetTimestampTz(delayed);
	if (!no_watermark)
		arrived = Min(arrived, read_watermark(DatumGetObjectId(watermark),
											  dataset));
	return arrived;
}

/* A data set whose watermark is read. */
typedef struct Watermark
{
	const RdeHome *home;
	char	   *dataset;
	Oid			relation;
} Watermark;

static bool
refresh(void *argument)
{
	Watermark  *it = argument;
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {
		CStringGetTextDatum(it->dataset),
		TimestampTzGetDatum(read_watermark(it->relation, it->dataset))
	};

	rde_execute(it->home,
				"INSERT INTO %s._rde_watermark AS w (dataset, reached)"
				" VALUES ($1, $2) ON CONFLICT ON CONSTRAINT _rde_watermark_pkey"
				" DO UPDATE SET reached = EXCLUDED.reached"
				" WHERE w.reached <> EXCLUDED.reached",
				2, types, values, NULL, false, SPI_OK_INSERT);
	return true;
}

void
rde_settle_watermarks(const RdeHome *home, MemoryContext context)
{
	SPITupleTable *rows;
	uint64		count;

	rde_execute(home,
				"SELECT dataset, watermark::oid FROM %s._rde_source"
				" WHERE watermark IS NOT NULL ORDER BY dataset",
				0, NULL, NULL, NULL, false, SPI_OK_SELECT);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Watermark	it = {home, SPI_getvalue(rows->vals[i], rows->tupdesc, 1),
			DatumGetObjectId(SPI_getbinval(rows->vals[i], rows->tupdesc, 2,
										   &isnull))
		};
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
