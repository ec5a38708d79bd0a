/*
 * receiver.h
 *	  A DestReceiver that hands every row of a source to its files.
 */
#ifndef RDE_RECEIVER_H
#define RDE_RECEIVER_H

#include "build/files.h"
#include "build/query.h"
#include "tcop/dest.h"

/* One pass over a source. */
typedef struct RdePass
{
	RdeQuery   *query;
	const char *dataset;		/* for messages */
	pg_tz	   *zone;
	RdeFiles   *files;			/* where its rows go */
	int64		max_rows;		/* more raise 54000; -1: any number */

	/* the receiver's own */
	MemoryContext export_context;	/* lives as long as the pass */
	MemoryContext row_context;	/* reset before each row */
	RdeValue   *values;
	RdeColumn	period_column;
	RdeValue	period;
	int64		rows;
	int			column;			/* being read, for messages; -1 for none */
} RdePass;

/*
 * A receiver for the pass, which hands every row to the files it belongs to.  The
 * caller ends them.
 */
extern DestReceiver *rde_receiver_create(RdePass *pass);

/* errcontext callback: which row and column of which data set */
extern void rde_pass_error_context(void *pass);

#endif							/* RDE_RECEIVER_H */
