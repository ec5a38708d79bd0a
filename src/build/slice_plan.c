/*
 * slice_plan.c
 *	  Is a report to be built in slices, and how are they read?
 *
 * Invariant: what is read in parts gives each row in exactly one of them.  So it is
 * read in parts only if a row is judged by itself, whatever else there is: nothing
 * is grouped, numbered, limited or volatile before the period is looked at; and if
 * whatever it calls is the server's own and safe in parallel.
 */
#include "build/slices.h"

#include "core/settings.h"

#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/*
 * How parts must be for the work to be shared: none has most of the rows, and what
 * each costs that is not a matter of its length, such as the scan of a table without
 * an index on the period, does not add up to the cost of the whole.  All together
 * are reckoned dearer than the whole even where they are not, for the planner takes
 * the first pages of a scan for the dearest.
 */
#define MOST_ROWS		0.8
#define MOST_ALIKE		1.0
#define MOST_TOGETHER	3.0

/* Do all its set operations keep every row? */
static bool
is_union_all(Node *node)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;

	if (node == NULL || !IsA(node, SetOperationStmt))
		return true;
	return operation->op == SETOP_UNION && operation->all &&
		is_union_all(operation->larg) && is_union_all(operation->rarg);
}

/* Is there a query in it whose rows depend on each other? */
static bool
rows_depend(Node *node, void *nothing)
{
	Query	   *query = (Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, rows_depend, nothing);
	if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs ||
		query->hasRecursive || query->hasModifyingCTE ||
		query->groupClause || query->groupingSets || query->havingQual ||
		query->distinctClause || query->limitCount || query->limitOffset ||
		query->rowMarks || !is_union_all(query->setOperations))
		return true;
	return query_tree_walker(query, rows_depend, nothing, 0);
}

static bool
reads_what_helpers_cannot(const PlannedStmt *plan)
{
	ListCell   *cell;

	foreach(cell, plan->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind != RTE_RELATION)
			continue;
		if (entry->relkind == RELKIND_FOREIGN_TABLE || entry->tablesample ||
			get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP)
			return true;
	}
	return false;
}

/* As the server reckons for a scan of so many bytes. */
static int
helpers_for(const Plan *plan)
{
	double		pages = plan->plan_rows * plan->plan_width / BLCKSZ;
	double		threshold = Max(min_parallel_table_scan_size, 1);
	int			most = Min(rde_setting_helpers, RDE_MAX_PARTICIPANTS - 1);
	int			helpers = 1;

	if (pages < min_parallel_table_scan_size)
		return 0;
	if (min_parallel_table_scan_size == 0)
		return most;
	while (helpers < most && pages >= threshold * 3)
	{
		helpers++;
		threshold *= 3;
	}
	return Min(helpers, most);
}

static bool
only_text(const RdeFiles *files)
{
	for (int i = 0; i < files->count; i++)
		if (!files->reports[i]->format->text)
			return false;
	return files->count <= RDE_SLICED_FILES;
}

/* Large parts first, so that all end at the same time. */
static void
divide(RdeSlices *slices)
{
	int			done = 0;

	while (done < RDE_SLICES)
	{
		int			part = (RDE_SLICES - done) * 2 /
		(3 * (slices->nhelpers + 1));

		slices->first[slices->nparts++] = done;
		done += Max(part, 1);
	}
	slices->first[slices->nparts] = RDE_SLICES;
}

/* What the planner says of parts. */
typedef struct Reckoning
{
	double		rows;			/* of the largest */
	Cost		least;			/* of any */
	Cost		together;
} Reckoning;

/* A part's plan as text, or NULL if it needs what a helper cannot be given. */
static const char *
plan_part(const RdeSlices *slices, int part, const Query *query,
		  Reckoning *reckoning)
{
	RdeQuery   *whole = slices->query;
	ParamListInfo params = rde_select_params(whole);
	PlannedStmt *plan;

	params->params[whole->period_from].value =
		rde_cuts_datum(whole->cuts, slices->first[part]);
	params->params[whole->period_to].value =
		rde_cuts_datum(whole->cuts, slices->first[part + 1]);
	plan = pg_plan_query(copyObject(unconstify(Query *, query)), whole->sql, 0,
						 params);
	if (plan->invalItems || reads_what_helpers_cannot(plan))
		return NULL;
	reckoning->rows = Max(reckoning->rows, plan->planTree->plan_rows);
	reckoning->least = Min(reckoning->least, plan->planTree->total_cost);
	reckoning->together += plan->planTree->total_cost;
	plan->jitFlags = PGJIT_NONE;	/* it would be compiled for every part */
	return nodeToString(plan);
}

static bool
is_worth(const RdeSlices *slices, const Reckoning *parts, const Plan *whole)
{
	/* 0 is for tests, as it is in the server's own */
	if (min_parallel_table_scan_size == 0)
		return true;
	return parts->rows <= whole->plan_rows * MOST_ROWS &&
		parts->least * slices->nparts <= whole->total_cost * MOST_ALIKE &&
		parts->together <= whole->total_cost * MOST_TOGETHER;
}

/* Plan all parts.  False if they cannot be had, or are not worth it. */
static bool
plan_parts(RdeSlices *slices, const Query *query, const Plan *whole)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext planning = AllocSetContextCreate(context, "rde slice",
												   ALLOCSET_DEFAULT_SIZES);
	Reckoning	reckoning = {.least = whole->total_cost};
	bool		possible = true;

	for (int i = 0; possible && i < slices->nparts; i++)
	{
		const char *plan;

		MemoryContextReset(planning);
		MemoryContextSwitchTo(planning);
		plan = plan_part(slices, i, query, &reckoning);
		MemoryContextSwitchTo(context);
		possible = plan != NULL;
		if (possible)
			slices->plans[i] = pstrdup(plan);
	}
	MemoryContextDelete(planning);
	return possible && is_worth(slices, &reckoning, whole);
}

static Oid *
column_types(const RdeSelect *select)
{
	Oid		   *types = palloc(sizeof(Oid) * select->query->ncolumns);

	for (int i = 0; i < select->query->ncolumns; i++)
	{
		TargetEntry *entry = list_nth_node(TargetEntry,
										   select->plan->planTree->targetlist,
										   i);

		types[i] = exprType((Node *) entry->expr);
	}
	return types;
}

static RdeSlices *
plan(const RdeSelect *select, int nhelpers)
{
	Query	   *query = rde_select_analyze(select->query);
	RdeSlices  *slices;

	if (rows_depend((Node *) query, NULL) ||
		contain_volatile_functions((Node *) query) ||
		max_parallel_hazard(query) != PROPARALLEL_SAFE)
		return NULL;
	slices = palloc0(sizeof(RdeSlices));
	slices->query = select->query;
	slices->types = column_types(select);
	slices->nhelpers = nhelpers;
	divide(slices);
	return plan_parts(slices, query, select->plan->planTree) ? slices : NULL;
}

RdeSlices *
rde_slices_plan(const RdeSelect *select, const RdeFiles *files,
				const char *time_zone)
{
	RdeQuery   *query = select->query;
	int			nhelpers;
	ErrorContextCallback callback;
	RdeIdentity saved;
	RdeSlices  *slices;

	if (query->cuts == NULL || files->nshares > 1 || !only_text(files) ||
		select->plan->invalItems || reads_what_helpers_cannot(select->plan) ||
		max_parallel_workers == 0 || rde_setting_helpers == 0)
		return NULL;
	nhelpers = helpers_for(select->plan->planTree);
	if (nhelpers == 0)
		return NULL;
	rde_identity_enter_source(query->owner, time_zone, &saved);
	rde_select_context(&callback, query->sql);
	slices = plan(select, nhelpers);
	error_context_stack = callback.previous;
	rde_identity_leave(&saved);
	return slices;
}
