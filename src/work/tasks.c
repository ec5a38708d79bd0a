/*
 * tasks.c
 *	  What a worker does beside building, each task in a step of its own.
 *
 * Invariant: a task that fails is a warning and ends itself only; what of several
 * things is to blame is found out, named and left alone.
 */
#include "work/worker.h"

#include "core/row.h"
#include "core/statement.h"
#include "core/step.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "report/report.h"
#include "work/generator.h"
#include "work/sweep.h"

/* Rows a step takes of what may come in masses. */
#define EVENTS_PER_STEP		1000
#define PURGED_PER_STEP		100

/* What a step does beside building, and whether there is more of it. */
typedef struct Task
{
	RdeWorker  *worker;
	bool		more;
	int			limit;			/* of generators, and one of those it began */
	pg_uuid_t	generator;		/* with; zeros if none could be chosen */
} Task;

/*
 * A step whose failure is a warning: it does not end the run.  `cannot` says what
 * could not be done.  Returns the failure.
 */
static RdeFailure *
contained_step(RdeWorker *worker, RdeAction action, Task *task,
			   const char *cannot)
{
	RdeFailure *failure;

	rde_step_begin();
	task->worker = worker;
	task->more = false;
	failure = rde_attempt(action, task, worker->context);
	if (failure && failure->interrupt)
		rde_worker_give_up(worker, NULL, failure);
	if (failure && cannot)
		rde_worker_warn(cannot, failure);
	rde_step_end();
	CHECK_FOR_INTERRUPTS();
	return failure;
}

static const RdeStatement purge_reports = {
	.sql = "SELECT %s.rde_purge_reports($1)",
	.types = {INT4OID},
	.expected = SPI_OK_SELECT
};

static bool
purge(void *argument)
{
	Task	   *task = argument;
	Datum		values[] = {Int32GetDatum(PURGED_PER_STEP)};

	task->more = rde_worker_call(task->worker, &purge_reports,
								 values) == PURGED_PER_STEP;
	return true;
}

static const RdeStatement follow_names = {
	.sql = "SELECT %s._rde_follow_roles()",
	.expected = SPI_OK_SELECT
};

static bool
follow_roles(void *argument)
{
	Task	   *task = argument;

	rde_execute(task->worker->home, &follow_names, NULL, NULL);
	return true;
}

static bool
sweep(void *argument)
{
	Task	   *task = argument;

	task->more = rde_sweep_watched(task->worker->home);
	return true;
}

void
rde_worker_tidy(RdeWorker *worker)
{
	Task		task;

	(void) contained_step(worker, follow_roles, &task,
						  "names of roles could not be followed");
	do
		(void) contained_step(worker, purge, &task,
							  "expired reports could not be removed");
	while (task.more);
	do
		(void) contained_step(worker, sweep, &task,
							  "invoices could not be swept");
	while (task.more);
}

static bool
submit_periods(void *argument)
{
	Task	   *task = argument;

	memset(&task->generator, 0, sizeof(pg_uuid_t));
	task->more = rde_generator_submit_due(task->worker->home, task->limit,
										  task->worker->skipped_generators,
										  &task->generator);
	return true;
}

/* What a generator asks for can never be, unless the error is one of others. */
static void
blame_generator(RdeWorker *worker, const pg_uuid_t *id,
				const RdeFailure *failure)
{
	const ErrorData *error = failure->error;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION)
	{
		rde_step_begin();
		rde_generator_disable(worker->home, id, error);
		rde_step_end();
	}
	else
		worker->skipped_generators = rde_worker_skip(worker->skipped_generators, id);
	rde_worker_warn(psprintf("reports of generator %s could not be submitted",
							 rde_uuid_text(id)), failure);
}

/*
 * Due periods become reports.  If some cannot, one generator at a time is tried
 * until the culprit is found, and again all together.
 */
static void
submit_due(RdeWorker *worker)
{
	static const pg_uuid_t none = {{0}};
	Task		task = {.limit = INT_MAX};

	do
	{
		RdeFailure *failure = contained_step(worker, submit_periods, &task,
											 NULL);

		if (failure == NULL)
			continue;
		if (memcmp(&task.generator, &none, sizeof(none)) == 0)
		{
			rde_worker_warn("generators that are due could not be chosen",
							failure);
			return;
		}
		if (task.limit == 1)
			blame_generator(worker, &task.generator, failure);
		task.limit = task.limit == 1 ? INT_MAX : 1;
		task.more = true;
	} while (task.more);
}

static const RdeStatement submit_invoices = {
	.sql = "SELECT %s._rde_submit_events($1)",
	.types = {INT4OID},
	.expected = SPI_OK_SELECT
};

static bool
submit_events(void *argument)
{
	Task	   *task = argument;
	Datum		values[] = {Int32GetDatum(EVENTS_PER_STEP)};

	task->more = rde_worker_call(task->worker, &submit_invoices,
								 values) == EVENTS_PER_STEP;
	return true;
}

void
rde_worker_submit(RdeWorker *worker)
{
	Task		task;

	submit_due(worker);
	do
		(void) contained_step(worker, submit_events, &task,
							  "invoices could not be submitted");
	while (task.more);
}
