/*
 * query.h
 *	  From a report's request to the one SELECT that answers it.
 */
#ifndef RDE_DATASET_H
#define RDE_DATASET_H

#include "build/columns.h"
#include "build/cuts.h"
#include "build/window.h"
#include "core/rde.h"
#include "report/report.h"
#include "utils/rel.h"

typedef struct RdeQuery
{
	Relation	relation;		/* open and locked until rde_query_close() */
	Oid			owner;			/* whose rights the SELECT runs with */
	const char *sql;
	int			from_begins;	/* its FROM and WHERE, bytes from ... */
	int			from_ends;		/* ... to */
	int			nargs;
	Oid		   *types;
	Datum	   *values;
	int			window_xmax;	/* arguments that the window's end decides, */
	int			window_end;		/* counted from 0; -1 without one */

	/* the report's columns come first in the SELECT's list */
	int			ncolumns;
	RdeColumn  *columns;
	const char *conditions_json;	/* of the view, as a manifest shows them */
	RdeFault   *view_fault;		/* NULL: none */
	bool		from_elsewhere; /* its rows may still arrive, see watermark.h */
	int			amount;			/* place in the list, or -1 */
	int			currency;
	int			reseller;		/* likewise, of a query by reseller */
	Oid			reseller_type;
	bool		currency_padded;	/* char(n): blanks behind it do not count */
	int			period;			/* place in the list */

	RdeCuts    *cuts;			/* NULL for rows of an invoice or a window */
	const char *period_column;	/* as the SELECT names it, with cuts */
	int			period_from;	/* the arguments that they are between, */
	int			period_to;		/* counted from 0 */
} RdeQuery;

/*
 * Lock a report's source and resolve data set, view and source, as they are
 * once the lock is there, to a query;
 * window is given for reports of a snapshot window, and only for them.  A query by
 * reseller has the rows of one of the report's resellers after another's.
 * Allocates in the current context; needs no SPI connection, as all of these.
 * Raises 42704 or 55000 for what does not exist or is not attached, 42P01 and
 * 42703 for a source or columns that are gone, 42804 for columns of another type
 * than they had: what concerns every report of the data set.
 */
extern RdeQuery *rde_dataset_query(const RdeHome *home,
								   const RdeReport *report,
								   bool by_reseller,
								   const RdeWindow *window);

/*
 * Raise 42703 or 42804 for a query whose view needs columns that the source never
 * had, or had of another type, or has conditions that do not fit theirs.  That is
 * this report's fault alone.
 */
extern void rde_dataset_check_columns(const RdeQuery *query);

extern void rde_query_close(RdeQuery *query);

/* Raise 55000 for a data set without a source. */
pg_noreturn extern void rde_dataset_not_attached(const char *dataset);

#endif							/* RDE_DATASET_H */
