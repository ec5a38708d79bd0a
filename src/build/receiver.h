/*
 * receiver.h
 *	  A DestReceiver that hands every row of a source to the formats.
 */
#ifndef RDE_RECEIVER_H
#define RDE_RECEIVER_H

#include "build/query.h"
#include "format/format.h"
#include "tcop/dest.h"
#include "report/totals.h"

/* One pass over a source, written in one or several formats. */
typedef struct RdePass
{
	RdeQuery   *query;
	const char *dataset;		/* for messages */
	pg_tz	   *zone;
	int			noutputs;
	RdeFormatContext *outputs;
	RdeTotals  *totals;			/* NULL: nothing to add up */
	int64		max_rows;		/* more raise 54000; -1: any number */

	/* the receiver's own */
	MemoryContext export_context;	/* lives as long as the pass */
	MemoryContext row_context;	/* reset before each row */
	RdeValue   *values;
	RdeValue	period;
	int64		rows;
	int			column;			/* being read, for messages; -1 for none */
} RdePass;

/*
 * A receiver for the pass.  It starts every output when the executor starts and
 * writes every row to each; the caller ends them.
 */
extern DestReceiver *rde_receiver_create(RdePass *pass);

/* errcontext callback: which row and column of which data set */
extern void rde_pass_error_context(void *pass);

#endif							/* RDE_RECEIVER_H */
