/*
 * failure.c
 *	  Trying something that may fail, and what is known of the failure.
 *
 * Invariant: a failure is judged by the phase that the attempt it ended was in:
 * an attempt and a build begin as RDE_PHASE_OTHER.  What phase an error leaves
 * behind that nobody caught here says nothing, and is not looked at.
 */
#include "build/failure.h"

#include "access/xact.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

static RdePhase current_phase = RDE_PHASE_OTHER;

void
rde_failure_phase(RdePhase phase)
{
	current_phase = phase;
}

/*
 * By what the error says, too: a division by zero in a view is the fault of one
 * row, and a report of other days has nothing to do with it.
 */
static bool
is_sources(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return (category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
			error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT) ||
		category == ERRCODE_INVALID_SCHEMA_NAME ||
		category == ERRCODE_CONNECTION_EXCEPTION ||
		category == ERRCODE_FDW_ERROR ||
		category == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
}

/*
 * A process that helped was ended, or never began.  Whoever ends this one is told
 * by FATAL, which nobody catches.
 */
static bool
is_helpers_end(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		(error->sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE &&
		 error->filename && strcmp(error->filename, "parallel.c") == 0);
}

/*
 * This process was cancelled.  What a source's function or another server raises with
 * the same code is an error like others, and ends nothing but a build.
 */
static bool
is_interrupt(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION &&
		error->funcname && strcmp(error->funcname, "ProcessInterrupts") == 0;
}

RdeFailure *
rde_failure_caught(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RdeFailure *failure = palloc0(sizeof(RdeFailure));
	RdePhase	phase = current_phase;
	ErrorData  *error = CopyErrorData();
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	bool		helpers_end = is_helpers_end(error);
	bool		reads = phase == RDE_PHASE_SOURCE || phase == RDE_PHASE_ROWS;

	current_phase = RDE_PHASE_OTHER;
	failure->error = error;
	failure->locked = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	failure->kind = reads && !helpers_end && is_sources(error) ? "source" :
		failure->locked ? "locked" :
		phase == RDE_PHASE_WINDOW ? "blocked" : "build";
	failure->rows = phase == RDE_PHASE_ROWS;
	failure->foreign = reads &&
		(error->domain == NULL || strcmp(error->domain, TEXTDOMAIN) != 0);
	failure->interrupt = !helpers_end && is_interrupt(error);
	failure->transient = failure->interrupt || helpers_end ||
		category == ERRCODE_TRANSACTION_ROLLBACK || failure->locked;
	failure->waited = category == ERRCODE_CONNECTION_EXCEPTION ||
		category == ERRCODE_FDW_ERROR;
	MemoryContextSwitchTo(old);
	return failure;
}

RdeFailure *
rde_attempt(RdeAction action, void *argument, MemoryContext context)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	RdePhase	phase = current_phase;
	RdeFailure *volatile failure = NULL;

	current_phase = RDE_PHASE_OTHER;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		if (action(argument))
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		failure = rde_failure_caught(context);
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		/* which the server does at the end of a transaction only */
		pgstat_progress_end_command();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	current_phase = phase;
	return failure;
}

void
rde_failure_raise(const RdeFailure *failure)
{
	ReThrowError(failure->error);
}
