/*
 * select.h
 *	  The one SELECT of a build: planned before its snapshot is taken, run under
 *	  it, and looked at afterwards.
 */
#ifndef RDE_SELECT_H
#define RDE_SELECT_H

#include "build/query.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"

typedef struct RdeSelect
{
	RdeQuery   *query;
	PlannedStmt *plan;
	ParamListInfo params;
} RdeSelect;

/*
 * Plan a query as the source's owner.  When this returns, whatever it names is
 * locked: tables, what is behind views, the partitions it reads.  The caller has
 * an active snapshot, and must take the one to run under afterwards.  Allocates
 * in the current context.
 */
extern RdeSelect *rde_select_plan(RdeQuery *query, const char *time_zone);

/* Its parts, for what plans and runs slices.  Under the source's identity. */
extern void rde_select_context(ErrorContextCallback *callback,
							   const char *sql);
extern Query *rde_select_analyze(const RdeQuery *query, const char *sql);
extern ParamListInfo rde_select_params(const RdeQuery *query);

/* How many rows the planner expects. */
extern double rde_select_estimate(const RdeSelect *select);

/*
 * Run it as the source's owner under the active snapshot, its rows into the
 * receiver.  `window` is the one the query was made for; its end is now known.
 */
extern void rde_select_run(RdeSelect *select, const RdeWindow *window,
						   const char *time_zone, DestReceiver *receiver);

/*
 * Under the snapshot it ran by: raise 40001 if a table it read has been
 * rewritten by a transaction that this snapshot does not see, for then the
 * table's older rows are gone and its new ones not visible.  Needs an SPI
 * connection.
 */
extern void rde_select_check(const RdeHome *home, const RdeSelect *select);

#endif							/* RDE_SELECT_H */
