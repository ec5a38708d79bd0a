/*
 * worker.h
 *	  A run of rde_run_due, and what its parts share.
 */
#ifndef RDE_WORKER_H
#define RDE_WORKER_H

#include "build/failure.h"
#include "core/statement.h"
#include "utils/uuid.h"
#include "work/claim.h"

typedef struct RdeWorker
{
	const RdeHome *home;
	MemoryContext context;		/* of the round */
	TimestampTz started;		/* its key in _rde_worker, with its pid */
	TimestampTz upkeep;			/* when it was done last */
	int			max_reports;
	int			built;
	int			failed;
	RdeWaiting *waiting;
	int			reach;			/* how many passes it claims at once */
	bool		source_failed;	/* so no other report of its can be built */

	/* of the group that is being tried in parts: */
	int			suspects;		/* failed alone before others were built */
	bool		others_built;	/* parts of it were */
	Datum		skipped_generators; /* uuid[]: what this run leaves alone, for */
	Datum		skipped_passes; /* it failed where failing is not recorded */
} RdeWorker;

/* A function of rde's own that returns a bigint. */
extern int64 rde_worker_call(RdeWorker *worker,
							 const RdeStatement *statement, Datum *values);

/* Say that something could not be done, which does not end the run. */
extern void rde_worker_warn(const char *cannot, const RdeFailure *failure);

/* One more of what this run leaves alone: the array with it, in its context. */
extern Datum rde_worker_skip(Datum skipped, const pg_uuid_t *id);

/* End the run in the middle of a step, whose subtransactions are gone. */
extern void rde_worker_give_up(RdeWorker *worker, const RdeGroup *group,
							   const RdeFailure *failure);

/* What has expired is removed, what was missed of invoices is found (tasks.c). */
extern void rde_worker_tidy(RdeWorker *worker);

/* Due periods and invoices become submitted reports (tasks.c). */
extern void rde_worker_submit(RdeWorker *worker);

/*
 * One claim and its builds; false when nothing was found that can be built
 * (turns.c).
 */
extern bool rde_worker_build(RdeWorker *worker);

#endif							/* RDE_WORKER_H */
