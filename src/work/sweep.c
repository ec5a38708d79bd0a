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

#include "build/failure.h"
#include "core/row.h"
#include "core/settings.h"
#include "core/statement.h"
#include "who/sight.h"
#include "work/invoices.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Arrays of as many resellers, invoices and times of change. */
#define NARRAYS 3
static Oid	array_types[NARRAYS] = {TEXTARRAYOID, TEXTARRAYOID,
TIMESTAMPTZARRAYOID};

/* The one row of arrays that SPI returned; false if they are NULL. */
static bool
get_arrays(Datum *arrays)
{
	RdeRow		row;

	if (SPI_processed == 0)
		return false;
	row = rde_row(0);
	for (int i = 0; i < NARRAYS; i++)
	{
		if (rde_row_is_null(row, i + 1))
			return false;
		arrays[i] = rde_row_datum(row, i + 1);
	}
	return true;
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

static const RdeStatement read_watch = {
	.sql = "SELECT reseller_column, invoice_column, when_column, when_value"
	" FROM %s._rde_invoice_watch WHERE relation = $1::regclass",
	.types = {OIDOID},
	.expected = SPI_OK_SELECT
};

static RdeWatch *
load_watch(const RdeHome *home, Oid relation)
{
	Datum		values[] = {ObjectIdGetDatum(relation)};
	RdeWatch   *watch = palloc0(sizeof(RdeWatch));
	RdeRow		row;

	rde_execute(home, &read_watch, values, NULL);
	if (SPI_processed == 0)
		not_watched(relation);
	row = rde_row(0);
	watch->relation = relation;
	watch->reseller = rde_row_text(row, 1);
	watch->invoice = rde_row_text(row, 2);
	watch->when_column = rde_row_text_or_null(row, 3);
	watch->when_value = rde_row_text_or_null(row, 4);
	return watch;
}

static const RdeStatement read_origins = {
	.sql = "SELECT s.relation::oid, greatest($1, min(g.created_at)),"
	" s.dataset, s.reseller_column, s.invoice_column,"
	" s.period_column, f.dataset IS NOT NULL"
	" FROM %s._rde_generator g"
	" JOIN %s._rde_source s ON s.dataset = g.dataset"
	" JOIN %s._rde_invoice_watch w ON w.relation = $2::regclass"
	" AND s.dataset = ANY (w.datasets)"
	" LEFT JOIN %s._rde_source_failure f"
	" ON f.dataset = g.dataset AND f.paused_until > now()"
	" WHERE g.enabled AND g.event = 'on_invoice'"
	" AND s.invoice_column IS NOT NULL"
	" GROUP BY s.dataset, f.dataset ORDER BY s.dataset",
	.types = {TIMESTAMPTZOID, OIDOID},
	.expected = SPI_OK_SELECT
};

enum
{
	ORIGIN_RELATION = 1, ORIGIN_SINCE, ORIGIN_DATASET, ORIGIN_RESELLER,
	ORIGIN_INVOICE, ORIGIN_PERIOD, ORIGIN_PAUSED
};

/*
 * The data sets that a watched table is for, and for which any generator makes
 * reports on invoice.
 */
static RdeOrigin *
load_origins(const RdeHome *home, const RdeWatch *watch, TimestampTz since,
			 int *count)
{
	Datum		values[] = {
		TimestampTzGetDatum(since), ObjectIdGetDatum(watch->relation)
	};
	RdeOrigin  *origins;

	rde_execute(home, &read_origins, values, NULL);
	*count = SPI_processed;
	origins = palloc0(sizeof(RdeOrigin) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		RdeRow		row = rde_row(i);

		origins[i].relation = rde_row_oid(row, ORIGIN_RELATION);
		origins[i].since = rde_row_instant(row, ORIGIN_SINCE);
		origins[i].dataset = rde_row_text(row, ORIGIN_DATASET);
		origins[i].reseller = rde_row_text(row, ORIGIN_RESELLER);
		origins[i].invoice = rde_row_text(row, ORIGIN_INVOICE);
		origins[i].period = rde_row_text(row, ORIGIN_PERIOD);
		origins[i].paused = rde_row_bool(row, ORIGIN_PAUSED);
	}
	return origins;
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

static const RdeStatement submit_found = {
	.sql = "SELECT %s._rde_submit_invoices($1, $2, $3, $4)",
	.types = {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID},
	.expected = SPI_OK_SELECT
};

static int64
submit_invoices(const RdeHome *home, const RdeOrigin *origin,
				const Datum *arrays)
{
	Datum		values[] = {
		CStringGetTextDatum(origin->dataset), arrays[0], arrays[1], arrays[2]
	};

	rde_execute(home, &submit_found, values, NULL);
	return rde_row_int64(rde_row(0), 1);
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
sweep_origin(const RdeHome *home, const RdeWatch *watch, const RdeOrigin *origin)
{
	Relation	source;
	Relation	table;
	RdeIdentity saved;
	Portal		cursor;
	char	   *select;
	char	   *watched;
	int64		submitted = 0;
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(origin->since)};

	source = open_relation(origin->relation,
						   psprintf("the source of data set \"%s\" no longer exists",
									origin->dataset));
	table = open_relation(watch->relation,
						  "the table of invoices no longer exists");
	select = rde_changed_invoices(source, origin);
	watched = rde_watched_invoices(table, watch);

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
	const RdeWatch *watch;
	const RdeOrigin *origin;
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
sweep_table(const RdeHome *home, const RdeWatch *watch, TimestampTz since,
			int64 *submitted)
{
	bool		complete = true;
	int			count;
	RdeOrigin  *origins = load_origins(home, watch, since, &count);

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

/* A table that was dropped took its triggers along, and nothing else. */
static const RdeStatement drop_gone = {
	.sql = "SELECT %s._rde_drop_watch(w.relation)"
	" FROM %s._rde_invoice_watch w WHERE NOT EXISTS"
	" (SELECT FROM pg_class c WHERE c.oid = w.relation)",
	.expected = SPI_OK_SELECT
};

static const RdeStatement choose_watch = {
	.sql = "UPDATE %s._rde_invoice_watch SET tried_at = clock_timestamp()"
	" WHERE relation = (SELECT w.relation"
	" FROM %s._rde_invoice_watch w"
	" WHERE w.swept_at < clock_timestamp() - interval '24 hours'"
	" AND coalesce(w.tried_at < clock_timestamp()"
	" - interval '1 hour', true)"
	" ORDER BY w.swept_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
	" RETURNING relation::oid, tried_at, swept_at - interval '1 day'",
	.expected = SPI_OK_UPDATE_RETURNING
};

static const RdeStatement note_swept = {
	.sql = "UPDATE %s._rde_invoice_watch SET swept_at = $2"
	" WHERE relation = $1::regclass",
	.types = {OIDOID, TIMESTAMPTZOID},
	.expected = SPI_OK_UPDATE
};

bool
rde_sweep_watched(const RdeHome *home)
{
	Datum		values[2];
	int64		submitted = 0;
	RdeRow		row;
	Oid			relation;

	rde_execute(home, &drop_gone, NULL, NULL);
	rde_execute(home, &choose_watch, NULL, NULL);
	if (SPI_processed == 0)
		return false;
	row = rde_row(0);
	relation = rde_row_oid(row, 1);
	values[0] = ObjectIdGetDatum(relation);
	values[1] = TimestampTzGetDatum(rde_row_instant(row, 2));
	if (sweep_table(home, load_watch(home, relation), rde_row_instant(row, 3),
					&submitted))
		rde_execute(home, &note_swept, values, NULL);
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
