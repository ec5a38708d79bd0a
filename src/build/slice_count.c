/*
 * slice_count.c
 *	  How many rows are in each slice of a period.
 *
 * Invariant: what is counted is what the report's SELECT returns under the same
 * snapshot: the same FROM and WHERE, and nothing else.
 */
#include "build/slices.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "jit/jit.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* Where each slice begins. */
static Datum
beginnings(const RdeCuts *cuts)
{
	Datum		begin[RDE_SLICES];
	int16		length;
	bool		by_value;
	char		alignment;

	for (int i = 0; i < RDE_SLICES; i++)
		begin[i] = rde_cuts_datum(cuts, i);
	get_typlenbyvalalign(cuts->type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_array(begin, RDE_SLICES, cuts->type,
										   length, by_value, alignment));
}

/* The query's arguments, and the beginnings behind them. */
static RdeQuery *
counting(const RdeQuery *query)
{
	RdeQuery   *count = palloc(sizeof(RdeQuery));
	int			nargs = query->nargs;

	*count = *query;
	count->types = palloc(sizeof(Oid) * (nargs + 1));
	count->values = palloc(sizeof(Datum) * (nargs + 1));
	memcpy(count->types, query->types, sizeof(Oid) * nargs);
	memcpy(count->values, query->values, sizeof(Datum) * nargs);
	count->types[nargs] = get_array_type(query->cuts->type);
	count->values[nargs] = beginnings(query->cuts);
	count->nargs = nargs + 1;
	count->sql = psprintf("SELECT pg_catalog.width_bucket(%s, $%d),"
						  " pg_catalog.count(*)%.*s GROUP BY 1",
						  query->period_column, count->nargs,
						  query->from_ends - query->from_begins,
						  query->sql + query->from_begins);
	return count;
}

RdeSelect *
rde_slices_plan_count(const RdeQuery *query, int nhelpers)
{
	RdeSelect  *select = palloc0(sizeof(RdeSelect));
	ErrorContextCallback callback;
	char		helpers[12];

	select->query = counting(query);
	select->params = rde_select_params(select->query);
	snprintf(helpers, sizeof(helpers), "%d", nhelpers);
	(void) set_config_option("max_parallel_workers_per_gather", helpers,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	rde_select_context(&callback, select->query->sql);
	select->plan = pg_plan_query(rde_select_analyze(select->query,
													select->query->sql),
								 select->query->sql, CURSOR_OPT_PARALLEL_OK,
								 select->params);
	select->plan->jitFlags = PGJIT_NONE;
	error_context_stack = callback.previous;
	return select;
}

typedef struct CountReceiver
{
	DestReceiver base;
	int64	   *slice_rows;
} CountReceiver;

static void
start(DestReceiver *self, int operation, TupleDesc desc)
{
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	int			slice;

	slot_getallattrs(slot);
	slice = DatumGetInt32(slot->tts_values[0]) - 1;
	if (slice < 0 || slice >= RDE_SLICES)
		elog(ERROR, "a row is in no slice of its period");
	((CountReceiver *) self)->slice_rows[slice] =
		DatumGetInt64(slot->tts_values[1]);
	return true;
}

static void
finish(DestReceiver *self)
{
}

void
rde_slices_count(RdeSelect *count, int64 *slice_rows)
{
	CountReceiver receiver = {
		.base = {receive, start, finish, finish, DestCopyOut},
		.slice_rows = slice_rows
	};
	ErrorContextCallback callback;
	QueryDesc  *run = CreateQueryDesc(count->plan, count->query->sql,
									  GetActiveSnapshot(), InvalidSnapshot,
									  &receiver.base, count->params, NULL, 0);

	rde_select_context(&callback, count->query->sql);
	ExecutorStart(run, 0);
	rde_executor_run(run);
	ExecutorFinish(run);
	ExecutorEnd(run);
	FreeQueryDesc(run);
	error_context_stack = callback.previous;
}
