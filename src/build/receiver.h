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
	const char *since;			/* of some of the rows: those from there on */

	/* Called now and then, and at the end; NULL: rde_progress shows the pass */
	void		(*progress) (struct RdePass *pass);
	void	   *helper;			/* for progress */

	/* the receiver's own */
	MemoryContext export_context;	/* lives as long as the pass */
	MemoryContext row_context;	/* reset before each row */
	RdeValue   *values;
	RdeColumn	period_column;
	RdeValue	period;
	int64		rows;
	int64		rows_before;	/* those that `since` does not count */
	int			column;			/* being read, for messages; -1 for none */
} RdePass;

/*
 * A receiver for the pass, which hands every row to the files it belongs to.  The
 * caller ends them.
 */
extern DestReceiver *rde_receiver_create(RdePass *pass);

/* What rde_progress shows of the build. */
extern void rde_show_progress(int64 rows, int64 bytes);

/* errcontext callback: which row and column of which data set */
extern void rde_pass_error_context(void *pass);

#endif							/* RDE_RECEIVER_H */
