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
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* More of the rows in one part, and there is little to share. */
#define MOST_ROWS		0.8

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

/* Must a part know how many rows come before it? */
static bool
is_numbered(const RdeFiles *files)
{
	for (int i = 0; i < files->count; i++)
		if (files->reports[i]->format->parts)
			return true;
	return false;
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

/* The bounds of a part, to be found again in its plan. */
typedef struct Bounds
{
	Oid			type;
	Datum		from;
	Datum		to;
} Bounds;

static bool
has_bound(Node *node, void *argument)
{
	Bounds	   *bounds = argument;
	Const	   *constant = (Const *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Const))
		return expression_tree_walker(node, has_bound, argument);
	/* all types of period columns are passed by value */
	return constant->consttype == bounds->type && !constant->constisnull &&
		(constant->constvalue == bounds->from ||
		 constant->constvalue == bounds->to);
}

/*
 * Does anything in a plan read more than the rows of the part, and then drop those
 * that are not between the bounds?  No index leads to them then, and every part
 * would read it all.
 */
static bool
filters(const Plan *plan, Bounds *bounds)
{
	List	   *plans = NIL;
	ListCell   *cell;

	if (plan == NULL)
		return false;
	if (has_bound((Node *) plan->qual, bounds) ||
		filters(plan->lefttree, bounds) || filters(plan->righttree, bounds))
		return true;
	if (IsA(plan, Append))
		plans = ((const Append *) plan)->appendplans;
	else if (IsA(plan, MergeAppend))
		plans = ((const MergeAppend *) plan)->mergeplans;
	else if (IsA(plan, SubqueryScan))
		return filters(((const SubqueryScan *) plan)->subplan, bounds);
	foreach(cell, plans)
	{
		if (filters(lfirst(cell), bounds))
			return true;
	}
	return false;
}

/* A part's plan as text, or NULL if it cannot be had, or is not worth it. */
static const char *
plan_part(const RdeSlices *slices, int part, const Query *query,
		  const Plan *whole)
{
	const RdeQuery *sought = slices->query;
	ParamListInfo params = rde_select_params(sought);
	Bounds		bounds = {
		sought->cuts->type,
		rde_cuts_datum(sought->cuts, slices->first[part]),
		rde_cuts_datum(sought->cuts, slices->first[part + 1])
	};
	PlannedStmt *plan;

	params->params[sought->period_from].value = bounds.from;
	params->params[sought->period_to].value = bounds.to;
	plan = pg_plan_query(copyObject(unconstify(Query *, query)), sought->sql,
						 0, params);
	if (plan->invalItems || reads_what_helpers_cannot(plan))
		return NULL;
	/* 0 is for tests, as it is in the server's own */
	if (min_parallel_table_scan_size > 0 &&
		(plan->planTree->plan_rows > whole->plan_rows * MOST_ROWS ||
		 filters(plan->planTree, &bounds)))
		return NULL;
	plan->jitFlags = PGJIT_NONE;	/* it would be compiled for every part */
	return nodeToString(plan);
}

/* Plan all parts.  False if they cannot be had, or are not worth it. */
static bool
plan_parts(RdeSlices *slices, const Query *query, const Plan *whole)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext planning = AllocSetContextCreate(context, "rde slice",
												   ALLOCSET_DEFAULT_SIZES);
	bool		possible = true;

	for (int i = 0; possible && i < slices->nparts; i++)
	{
		const char *plan;

		MemoryContextReset(planning);
		MemoryContextSwitchTo(planning);
		plan = plan_part(slices, i, query, whole);
		MemoryContextSwitchTo(context);
		possible = plan != NULL;
		if (possible)
			slices->plans[i] = pstrdup(plan);
	}
	MemoryContextDelete(planning);
	return possible;
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
plan(const RdeSelect *select, const RdeFiles *files, int nhelpers)
{
	Query	   *query = rde_select_analyze(select->query, select->query->sql);
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
	/* where an index has the whole in order, it has the parts */
	if (!IsA(select->plan->planTree, Sort) &&
		!IsA(select->plan->planTree, IncrementalSort))
		(void) set_config_option("enable_sort", "off", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	if (!plan_parts(slices, query, select->plan->planTree))
		return NULL;
	if (is_numbered(files))
		slices->count = rde_slices_plan_count(select->query, nhelpers);
	return slices;
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

	if (query->cuts == NULL || files->nshares > 1 ||
		files->count > RDE_SPOOLED_FILES ||
		select->plan->invalItems || reads_what_helpers_cannot(select->plan) ||
		max_parallel_workers == 0 || rde_setting_helpers == 0)
		return NULL;
	nhelpers = helpers_for(select->plan->planTree);
	if (nhelpers == 0)
		return NULL;
	rde_identity_enter_source(query->owner, time_zone, &saved);
	rde_select_context(&callback, query->sql);
	slices = plan(select, files, nhelpers);
	error_context_stack = callback.previous;
	rde_identity_leave(&saved);
	return slices;
}
