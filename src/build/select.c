/*
 * select.c
 *	  The one SELECT of a build: planned before its snapshot is taken, run under
 *	  it, and looked at afterwards.
 *
 * Invariant: no row that was committed when the snapshot was taken is missing.
 * ALTER TABLE and TRUNCATE leave the rows of a table invisible to snapshots that
 * are older than they are.  So a build first waits for the locks of what it
 * reads, and takes its snapshot then; nothing can be rewritten from there on.
 */
#include "build/select.h"

#include "core/row.h"
#include "core/statement.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* A place in our SELECT is none in the statement that the client sent. */
static void
statement_context(void *sql)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(sql);
	}
	else
		errcontext("SQL statement \"%s\"", (char *) sql);
}

void
rde_select_context(ErrorContextCallback *callback, const char *sql)
{
	callback->callback = statement_context;
	callback->arg = unconstify(char *, sql);
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/* The end of a window is estimated with, but is not part of the plan. */
ParamListInfo
rde_select_params(const RdeQuery *query)
{
	ParamListInfo params = makeParamList(query->nargs);

	for (int i = 0; i < query->nargs; i++)
	{
		params->params[i].value = query->values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = i == query->window_xmax ||
			i == query->window_end ? 0 : PARAM_FLAG_CONST;
		params->params[i].ptype = query->types[i];
	}
	return params;
}

Query *
rde_select_analyze(const RdeQuery *query, const char *sql)
{
	List	   *parsed = pg_parse_query(sql);
	List	   *rewritten;

	rewritten = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, parsed),
												   sql, query->types,
												   query->nargs, NULL);
	if (list_length(rewritten) != 1)
		elog(ERROR, "the SELECT of a source became %d statements",
			 list_length(rewritten));
	return linitial_node(Query, rewritten);
}

RdeSelect *
rde_select_plan(RdeQuery *query, const char *time_zone)
{
	RdeSelect  *select = palloc0(sizeof(RdeSelect));
	ErrorContextCallback callback;
	RdeIdentity saved;

	select->query = query;
	select->params = rde_select_params(query);
	rde_identity_enter_source(query->owner, time_zone, &saved);
	rde_select_context(&callback, query->sql);
	/* no CURSOR_OPT_PARALLEL_OK: chunks are inserted while it runs */
	select->plan = pg_plan_query(rde_select_analyze(query, query->sql),
								 query->sql, 0, select->params);
	/* compiling takes longer than it saves, even of views full of expressions */
	select->plan->jitFlags = PGJIT_NONE;
	error_context_stack = callback.previous;
	rde_identity_leave(&saved);
	return select;
}

double
rde_select_estimate(const RdeSelect *select)
{
	return select->plan->planTree->plan_rows;
}

void
rde_select_run(RdeSelect *select, const RdeWindow *window,
			   const char *time_zone, DestReceiver *receiver)
{
	RdeQuery   *query = select->query;
	ErrorContextCallback callback;
	RdeIdentity saved;
	QueryDesc  *run;

	if (window)
	{
		select->params->params[query->window_xmax].value = window->to_xmax;
		select->params->params[query->window_end].value = window->to;
	}
	rde_identity_enter_source(query->owner, time_zone, &saved);
	rde_select_context(&callback, query->sql);
	run = CreateQueryDesc(select->plan, query->sql, GetActiveSnapshot(),
						  InvalidSnapshot, receiver, select->params, NULL, 0);
	ExecutorStart(run, 0);
	rde_executor_run(run);
	ExecutorFinish(run);
	ExecutorEnd(run);
	FreeQueryDesc(run);
	error_context_stack = callback.previous;
	rde_identity_leave(&saved);
}

/*
 * Could it have locked anything late?  Its functions can, which the plan lists
 * if they are not the server's own.  And a snapshot of the transaction's may be
 * older than every lock.
 */
static bool
may_have_locked_late(const RdeSelect *select)
{
	return select->plan->invalItems != NIL || IsolationUsesXactSnapshot();
}

static bool
has_rows(Oid relation)
{
	char		kind = get_rel_relkind(relation);

	return kind == RELKIND_RELATION || kind == RELKIND_MATVIEW ||
		kind == RELKIND_TOASTVALUE;
}

/*
 * What this transaction has locked, and its file as the snapshot sees it: NULL if
 * it does not see the table at all.
 */
static const RdeStatement read_locked = {
	.sql = "SELECT l.relation, c.relfilenode FROM pg_catalog.pg_locks l"
	" LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation"
	" WHERE l.locktype = 'relation' AND l.database = $1"
	" AND l.pid = pg_catalog.pg_backend_pid() AND l.granted"
	" AND l.relation >= $2",
	.types = {OIDOID, OIDOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

void
rde_select_check(const RdeHome *home, const RdeSelect *select)
{
	Datum		values[] = {
		ObjectIdGetDatum(MyDatabaseId), ObjectIdGetDatum(FirstNormalObjectId)
	};

	if (!may_have_locked_late(select))
		return;
	rde_execute(home, &read_locked, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		RdeRow		row = rde_row(i);
		Oid			relation = rde_row_oid(row, 1);
		Datum		file;

		if (!has_rows(relation))
			continue;
		file = DirectFunctionCall1(pg_relation_filenode,
								   ObjectIdGetDatum(relation));
		if (rde_row_is_null(row, 2) ||
			rde_row_oid(row, 2) != DatumGetObjectId(file))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("a table of the source was rewritten while the report read it"),
					 errdetail("Its older rows are no longer there, and the snapshot of the report does not see its new ones."),
					 errdetail_log("The table is \"%s\".",
								   get_rel_name(relation)),
					 errhint("Try again.")));
	}
}
