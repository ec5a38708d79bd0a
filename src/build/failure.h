/*
 * failure.h
 *	  Trying something that may fail, and what is known of the failure.
 */
#ifndef RDE_FAILURE_H
#define RDE_FAILURE_H

#include "core/rde.h"

/* What a build is about while it goes on: whose fault an error is. */
typedef enum RdePhase
{
	RDE_PHASE_OTHER,
	RDE_PHASE_WINDOW,			/* the end of the generator's last window */
	RDE_PHASE_SOURCE,			/* the source: its locks, its plan */
	RDE_PHASE_ROWS				/* what it holds, row by row */
} RdePhase;

typedef struct RdeFailure
{
	ErrorData  *error;

	/*
	 * As for _rde_fail(): "source" could not be read, as opposed to what it
	 * holds, so no other report of its data set can be built; "locked" met a
	 * row of ours that somebody holds; "blocked" waits for an administrator,
	 * to rebaseline the generator or to bring back another server; else
	 * "build".
	 */
	const char *kind;

	/*
	 * Not in rde's own words: it can hold a value of a row that the filter on
	 * the reseller has not removed yet.
	 */
	bool		foreign;
	bool		interrupt;		/* cancelled or shut down */
	bool		transient;		/* says nothing about what was tried */
	bool		rows;			/* while rows were read: maybe for some only */
	bool		locked;			/* waited for a lock in vain */
	bool		waited;			/* for another server, as long as may be: the
								 * next would wait as long */
} RdeFailure;

/* From here on this transaction's errors are about this. */
extern void rde_failure_phase(RdePhase phase);

/*
 * Within PG_CATCH(): copy the error into `context`, and judge it by the phase it
 * was raised in, which ends.  The error stays to be flushed or rethrown.
 */
extern RdeFailure *rde_failure_caught(MemoryContext context);

/* Does something; false undoes it. */
typedef bool (*RdeAction) (void *argument);

/*
 * Do something in a subtransaction, so that its failure leaves the rest of the
 * transaction alone.  NULL, or what went wrong, in `context`.
 */
extern RdeFailure *rde_attempt(RdeAction action, void *argument,
							   MemoryContext context);

/* Raise the error again, as it was. */
pg_noreturn extern void rde_failure_raise(const RdeFailure *failure);

#endif							/* RDE_FAILURE_H */
