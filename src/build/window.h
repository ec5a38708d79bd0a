/*
 * window.h
 *	  Snapshot windows: what became visible between two snapshots.
 */
#ifndef RDE_SNAPSHOT_H
#define RDE_SNAPSHOT_H

#include "report/report.h"

/* The rows that `to` sees and `from` did not. */
typedef struct RdeWindow
{
	Datum		from;			/* pg_snapshot: the last window's end */
	Datum		from_xmin;		/* xid8 */
	Datum		to;				/* pg_snapshot: the one the source is read by */
	Datum		to_xmax;		/* xid8 */
} RdeWindow;

/*
 * Lock where a generator's formats ended their last window.  One that built
 * formats of the same generator meanwhile has committed when this returns, so
 * the snapshot is to be taken afterwards.  Raises 55000 if they ended in
 * another cluster.  Needs an SPI connection, as all of these.
 */
extern RdeWindow *rde_window_lock(const RdeHome *home, const RdeReport *first,
								  ArrayType *formats, MemoryContext context);

/* The active snapshot becomes the window's end. */
extern void rde_window_end(const RdeHome *home, RdeWindow *window,
						   MemoryContext context);

/* What was built ends here: commits together with it. */
extern void rde_window_save(const RdeHome *home, const RdeReport *first,
							ArrayType *formats, const RdeWindow *window);

#endif							/* RDE_SNAPSHOT_H */
