/*
 * sweep.c
 *	  Finds the invoices whose reports nobody asked for, because their rows came
 *	  without firing a trigger: by replication, into a new partition, while the
 *	  trigger was off.
 *
 * Invariant: a source is read as its owner and the table of invoices as its own;
 * from one to the other go texts, and what is submitted for an invoice is the
 * text that the table's trigger would have recorded.
 */
#include "work/sweep.h"

#include "who/who.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "build/query.h"
#include "build/failure.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Invoices that go from one SELECT to the next at a time. */
#define BATCH	10000

/* A row of _rde_invoice_watch. */
typedef struct Watch
{
	Oid			relation;
	const char *reseller;
	const char *invoice;
	const char *when_column;	/* NULL: every row is an invoice */
	const char *when_value;
} Watch;

/* A data set with reports on invoice, and where its invoices are found. */
typedef struct Origin
{
	const char *dataset;
	Oid			relation;
	const char *reseller;
	const char *invoice;
	const char *period;
	Datum		since;			/* timestamptz */
	bool		paused;
} Origin;

/* Arrays of as many resellers, invoices and times of change. */
#define NARRAYS 3
static Oid	array_types[NARRAYS] = {TEXTARRAYOID, TEXTARRAYOID,
TIMESTAMPTZARRAYOID};

static char *
value_text(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						column);
}

/* The one row of arrays that SPI returned; false if they are NULL. */
static bool
get_arrays(Datum *arrays)
{
	bool		isnull = true;

	for (int i = 0; SPI_processed > 0 && i < NARRAYS; i++)
		arrays[i] = SPI_getbinval(SPI_tuptable->vals[0],
								  SPI_tuptable->tupdesc, i + 1, &isnull);
	return !isnull;
}

static void
not_watched(Oid relation)
{
	const char *name = get_rel_name(relation);

	name = name == NULL ? psprintf("%u", relation) :
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
								   name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s is not watched for invoices", name),
			 errhint("Watch it with rde_watch_invoices().")));
}

static Watch *
load_watch(const RdeHome *home, Oid relation)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relation)};
	Watch	   *watch = palloc0(sizeof(Watch));

	rde_execute(home,
				"SELECT reseller_column, invoice_column, when_column,"
				" when_value FROM %s._rde_invoice_watch"
				" WHERE relation = $1::regclass",
				1, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		not_watched(relation);
	watch->relation = relation;
	watch->reseller = value_text(0, 1);
	watch->invoice = value_text(0, 2);
	watch->when_column = value_text(0, 3);
	watch->when_value = value_text(0, 4);
	return watch;
}

/*
 * The data sets that a watched table is for, and for which any generator makes
 * reports on invoice.
 */
static Origin *
load_origins(const RdeHome *home, const Watch *watch, TimestampTz since,
			 int *count)
{
	Oid			types[] = {TIMESTAMPTZOID, OIDOID};
	Datum		values[] = {
		TimestampTzGetDatum(since), ObjectIdGetDatum(watch->relation)
	};
	Origin	   *origins;
	bool		isnull;

	rde_execute(home,
				"SELECT s.relation::oid, greatest($1, min(g.created_at)),"
				" s.dataset, s.reseller_column, s.invoice_column,"
				" s.period_column, f.dataset"
				" FROM %s._rde_generator g"
				" JOIN %s._rde_source s ON s.dataset = g.dataset"
				" JOIN %s._rde_invoice_watch w ON w.relation = $2::regclass"
				" AND s.dataset = ANY (w.datasets)"
				" LEFT JOIN %s._rde_source_failure f"
				" ON f.dataset = g.dataset AND f.paused_until > now()"
				" WHERE g.enabled AND g.event = 'on_invoice'"
				" AND s.invoice_column IS NOT NULL"
				" GROUP BY s.dataset, f.dataset ORDER BY s.dataset",
				2, types, values, NULL, false, SPI_OK_SELECT);
	*count = SPI_processed;
	origins = palloc0(sizeof(Origin) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		origins[i].relation =
			DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		origins[i].since = SPI_getbinval(row, desc, 2, &isnull);
		origins[i].dataset = value_text(i, 3);
		origins[i].reseller = value_text(i, 4);
		origins[i].invoice = value_text(i, 5);
		origins[i].period = value_text(i, 6);
		origins[i].paused = value_text(i, 7) != NULL;
	}
	return origins;
}

/* Its type under any domain; InvalidOid for a column that is not there. */
static Oid
column_type(Oid relation, const char *column)
{
	AttrNumber	number = get_attnum(relation, column);

	return number > 0 ? getBaseType(get_atttype(relation, number)) :
		InvalidOid;
}

static const char *
qualified_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
}

/*
 * The invoices of a source's rows that changed since $1, with the time when
 * they did, in batches.  Days and seconds count to their ends.
 */
static char *
changed_invoices(Relation source, const Origin *origin)
{
	const char *period = quote_identifier(origin->period);
	StringInfoData sql;
	const char *bound;
	const char *latest;

	switch (column_type(RelationGetRelid(source), origin->period))
	{
		case DATEOID:
			bound = "$1::date";
			latest = "(max(s.%s) + 1)::timestamptz";
			break;
		case INT8OID:
			bound = "floor(extract(epoch FROM $1))::int8";

			/*
			 * a second of a year that timestamps have no room for is later,
			 * too
			 */
			latest = "to_timestamp(least(max(s.%s) + 1, 253402300800))";
			break;
		default:
			bound = "$1";
			latest = "max(s.%s)";
	}
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT array_agg(i.reseller), array_agg(i.invoice),"
					 " array_agg(i.changed) FROM"
					 " (SELECT s.%s::text AS reseller, s.%s::text AS invoice, ",
					 quote_identifier(origin->reseller),
					 quote_identifier(origin->invoice));
	appendStringInfo(&sql, latest, period);
	appendStringInfo(&sql,
					 " AS changed, (row_number() OVER () - 1) / %d AS batch"
					 " FROM %s AS s WHERE s.%s >= %s"
					 " AND s.%s IS NOT NULL AND s.%s IS NOT NULL"
					 " GROUP BY 1, 2) AS i GROUP BY i.batch",
					 BATCH, qualified_name(source), period, bound,
					 quote_identifier(origin->reseller),
					 quote_identifier(origin->invoice));
	return sql.data;
}

/*
 * Compare a column with a text that another table spells, in the column's own
 * type, so that its index can be used.  What is no value of it equals nothing.
 */
static void
add_match(StringInfo sql, Oid relation, const char *column, const char *text)
{
	appendStringInfo(sql, "t.%s = ", quote_identifier(column));
	switch (column_type(relation, column))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			appendStringInfo(sql, "CASE WHEN %s ~ '^-?[0-9]{1,19}([.]0+)?$'"
							 " THEN CASE WHEN %s::numeric"
							 " BETWEEN -9223372036854775808"
							 " AND 9223372036854775807"
							 " THEN %s::numeric::int8 END END",
							 text, text, text);
			break;
		case NUMERICOID:
			appendStringInfo(sql, "CASE WHEN %s ~ '^-?[0-9]{1,255}([.][0-9]{1,255})?$'"
							 " THEN %s::numeric END", text, text);
			break;
		case UUIDOID:
			appendStringInfo(sql, "CASE WHEN %s ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"
							 " THEN %s::uuid END", text, text);
			break;
		case BPCHAROID:
			appendStringInfo(sql, "%s::bpchar", text);
			break;
		default:
			appendStringInfoString(sql, text);
	}
}

/* Those of the invoices in $1, $2 that the watched table has. */
static char *
watched_invoices(Relation table, const Watch *watch)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT array_agg(t.%s::text), array_agg(t.%s::text),"
					 " array_agg(u.changed)"
					 " FROM unnest($1, $2, $3) AS u(reseller, invoice, changed)"
					 " JOIN %s AS t ON ",
					 quote_identifier(watch->reseller),
					 quote_identifier(watch->invoice), qualified_name(table));
	add_match(&sql, watch->relation, watch->invoice, "u.invoice");
	appendStringInfoString(&sql, " AND ");
	add_match(&sql, watch->relation, watch->reseller, "u.reseller");
	if (watch->when_column)
		appendStringInfo(&sql, " WHERE t.%s = %s",
						 quote_identifier(watch->when_column),
						 quote_literal_cstr(watch->when_value));
	return sql.data;
}

/* Keep what the watched table has; false if that is nothing. */
static bool
keep_watched(Relation table, const char *sql, Datum *arrays)
{
	RdeIdentity saved;
	int			result;

	rde_identity_enter_source(table->rd_rel->relowner, rde_setting_time_zone,
							  &saved);
	result = SPI_execute_with_args(sql, NARRAYS, array_types, arrays, NULL,
								   true, 0);
	rde_identity_leave(&saved);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result %d of: %s", result, sql);
	return get_arrays(arrays);
}

static int64
submit_invoices(const RdeHome *home, const Origin *origin,
				const Datum *arrays)
{
	Oid			types[] = {TEXTOID, TEXTARRAYOID, TEXTARRAYOID,
	TIMESTAMPTZARRAYOID};
	Datum		values[] = {
		CStringGetTextDatum(origin->dataset), arrays[0], arrays[1], arrays[2]
	};
	bool		isnull;

	rde_execute(home, "SELECT %s._rde_submit_invoices($1, $2, $3, $4)", 4,
				types, values, NULL, false, SPI_OK_SELECT);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &isnull));
}

/* Relation, locked for reading until the end of the transaction. */
static Relation
open_relation(Oid relation, const char *missing)
{
	Relation	opened = try_relation_open(relation, AccessShareLock);

	if (opened == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("%s", missing)));
	return opened;
}

/* The reports that are missing of one data set; returns how many. */
static int64
sweep_origin(const RdeHome *home, const Watch *watch, const Origin *origin)
{
	Relation	source;
	Relation	table;
	RdeIdentity saved;
	Portal		cursor;
	char	   *select;
	char	   *watched;
	int64		submitted = 0;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {origin->since};

	source = open_relation(origin->relation,
						   psprintf("the source of data set \"%s\" no longer exists",
									origin->dataset));
	table = open_relation(watch->relation,
						  "the table of invoices no longer exists");
	select = changed_invoices(source, origin);
	watched = watched_invoices(table, watch);

	PushActiveSnapshot(GetTransactionSnapshot());
	rde_identity_enter_source(source->rd_rel->relowner, rde_setting_time_zone,
							  &saved);
	cursor = SPI_cursor_open_with_args(NULL, select, 1, types, values, NULL,
									   true, CURSOR_OPT_NO_SCROLL);
	rde_identity_leave(&saved);
	for (;;)
	{
		SPITupleTable *batch;
		Datum		arrays[NARRAYS];

		CHECK_FOR_INTERRUPTS();
		rde_identity_enter_source(source->rd_rel->relowner,
								  rde_setting_time_zone, &saved);
		SPI_cursor_fetch(cursor, true, 1);
		rde_identity_leave(&saved);
		batch = SPI_tuptable;
		if (!get_arrays(arrays))
			break;
		if (keep_watched(table, watched, arrays))
		{
			SPITupleTable *kept = SPI_tuptable;

			submitted += submit_invoices(home, origin, arrays);
			SPI_freetuptable(SPI_tuptable);
			SPI_freetuptable(kept);
		}
		SPI_freetuptable(batch);
	}
	SPI_cursor_close(cursor);
	PopActiveSnapshot();
	relation_close(table, NoLock);
	relation_close(source, NoLock);
	return submitted;
}

/* A table to be swept for a data set, and how many reports were missing. */
typedef struct Sweep
{
	const RdeHome *home;
	const Watch *watch;
	const Origin *origin;
	int64		submitted;
} Sweep;

static bool
sweep_one(void *argument)
{
	Sweep	   *it = argument;

	it->submitted = sweep_origin(it->home, it->watch, it->origin);
	return true;
}

/*
 * Sweep a table for every data set, each by itself: what fails with one is a
 * warning.  Returns whether none failed; adds to *submitted.
 */
static bool
sweep_table(const RdeHome *home, const Watch *watch, TimestampTz since,
			int64 *submitted)
{
	bool		complete = true;
	int			count;
	Origin	   *origins = load_origins(home, watch, since, &count);

	for (int i = 0; i < count; i++)
	{
		Sweep		it = {home, watch, &origins[i], 0};
		RdeFailure *failure;

		if (origins[i].paused)
		{
			complete = false;
			continue;
		}
		failure = rde_attempt(sweep_one, &it, CurrentMemoryContext);
		if (failure == NULL)
		{
			*submitted += it.submitted;
			continue;
		}
		if (failure->interrupt)
			rde_failure_raise(failure);
		complete = false;
		ereport(WARNING,
				(errcode(failure->error->sqlerrcode),
				 errmsg("data set \"%s\" could not be swept for invoices: %s",
						origins[i].dataset, failure->error->message),
				 failure->error->hint ?
				 errhint("%s", failure->error->hint) : 0));
	}
	return complete;
}

bool
rde_sweep_watched(const RdeHome *home)
{
	Oid			types[] = {OIDOID, TIMESTAMPTZOID};
	Datum		values[2];
	TimestampTz since;
	int64		submitted = 0;
	bool		isnull;

	/* a table that was dropped took its triggers along, and nothing else */
	rde_execute(home,
				"SELECT %s._rde_drop_watch(w.relation)"
				" FROM %s._rde_invoice_watch w WHERE NOT EXISTS"
				" (SELECT FROM pg_class c WHERE c.oid = w.relation)",
				0, NULL, NULL, NULL, false, SPI_OK_SELECT);
	rde_execute(home,
				"UPDATE %s._rde_invoice_watch SET tried_at = clock_timestamp()"
				" WHERE relation = (SELECT w.relation"
				" FROM %s._rde_invoice_watch w"
				" WHERE w.swept_at < clock_timestamp() - interval '24 hours'"
				" AND coalesce(w.tried_at < clock_timestamp()"
				" - interval '1 hour', true)"
				" ORDER BY w.swept_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
				" RETURNING relation::oid, tried_at,"
				" swept_at - interval '1 day'",
				0, NULL, NULL, NULL, false, SPI_OK_UPDATE_RETURNING);
	if (SPI_processed == 0)
		return false;
	for (int i = 0; i < 2; i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[0],
								  SPI_tuptable->tupdesc, i + 1, &isnull);
	since = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
											  SPI_tuptable->tupdesc, 3,
											  &isnull));
	if (sweep_table(home, load_watch(home, DatumGetObjectId(values[0])),
					since, &submitted))
		rde_execute(home,
					"UPDATE %s._rde_invoice_watch SET swept_at = $2"
					" WHERE relation = $1::regclass",
					2, types, values, NULL, false, SPI_OK_UPDATE);
	return true;
}

PG_FUNCTION_INFO_V1(rde_sweep_invoices);

/*
 * rde_sweep_invoices(relation regclass, since timestamptz) → bigint.  Raises
 * 42704 for a table that is not watched.
 */
Datum
rde_sweep_invoices(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	int64		submitted = 0;

	rde_refuse_account(home);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation and since must not be null")));
	if (PG_GETARG_TIMESTAMPTZ(1) > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("since must be a time in the past")));
	rde_connect();
	(void) sweep_table(home, load_watch(home, PG_GETARG_OID(0)),
					   PG_GETARG_TIMESTAMPTZ(1), &submitted);
	SPI_finish();
	PG_RETURN_INT64(submitted);
}
