/*
 * step.h
 *	  A procedure's work in steps, each a transaction of its own.
 */
#ifndef RDE_STEP_H
#define RDE_STEP_H

#include "core/statement.h"

/*
 * Commit, and begin a transaction that has done nothing yet: its snapshots see
 * what others have committed, it may write and has no time limit, whatever the
 * server's configuration says of transactions; and no lock is waited for longer
 * than 5 s (55P03).  What the session was told by SET holds.  Needs a connection
 * to SPI made with SPI_OPT_NONATOMIC.
 */
extern void rde_commit(void);

/* What is done between these two is committed as a whole. */
extern void rde_step_begin(void);
extern void rde_step_end(void);

/*
 * In what is left of the subtransaction, wait for a lock as long as for one that is
 * free in a moment: somebody was waited for in vain before.  What the session was
 * told by SET holds.
 */
extern void rde_step_wait_briefly(void);

/* Undo what has been done of a step; its subtransactions have ended. */
extern void rde_step_abandon(void);

/*
 * Raise 2D000 unless the procedure called may commit, and 25006 on a standby.
 * `procedure` is its name, `cannot` what a standby cannot do.  From here on a
 * statement_timeout of the server's configuration, of the database or of the role
 * does not end it.
 */
extern void rde_step_check(FunctionCallInfo fcinfo, const char *procedure,
						   const char *cannot);

#endif							/* RDE_STEP_H */
