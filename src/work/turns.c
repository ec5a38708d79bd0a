/*
 * turns.c
 *	  Whose turn it is to be built, and what becomes of it.
 *
 * Invariant: a report is built and published, or its failure is recorded, or it
 * is submitted as before; one that fails takes no other along.
 */
#include "work/worker.h"

#include "build/build.h"
#include "build/cancel.h"
#include "build/settle.h"
#include "build/watermark.h"
#include "core/row.h"
#include "core/settings.h"
#include "core/statement.h"
#include "core/step.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/*
 * Reports that were claimed together with one that took longer than this are
 * given back: another worker may have its hands free, and what was submitted
 * meanwhile its turn.  So are those claimed together with one whose source
 * cannot be read: some of them may need the same.
 */
#define CLAIM_MS			1000

/* An invoice without rows is tried this often, see _rde_postpone_empty(). */
#define MAX_EMPTY_BUILDS	3

/* An attempt at reports that are built by one SELECT. */
typedef struct Build
{
	const RdeHome *home;
	RdeGroup   *group;
	const pg_uuid_t *ids;
	int			count;
	TimestampTz horizon;
	bool		postponed;		/* has no rows yet */
	const RdeFailure *failure;	/* to be recorded */
} Build;

static const RdeStatement drop_unchanged = {
	.sql = "SELECT %s._rde_drop_unchanged($1)",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static const RdeStatement source_works = {
	.sql = "SELECT %s._rde_source_works($1)",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static const RdeStatement postpone_empty = {
	.sql = "SELECT %s._rde_postpone_empty($1)",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static void
each_report(const Build *it, const RdeStatement *statement)
{
	for (int i = 0; i < it->count; i++)
	{
		Datum		values[] = {UUIDPGetDatum(&it->ids[i])};

		rde_execute(it->home, statement, values, NULL);
	}
}

static bool
build(void *argument)
{
	Build	   *it = argument;
	int64		rows;

	rows = rde_build_reports(it->home, it->ids, it->count, it->horizon, -1);
	it->postponed = rows == 0 && it->group->on_invoice &&
		!it->group->settles && it->group->empty_builds < MAX_EMPTY_BUILDS;
	if (it->postponed)
		return false;
	if (it->group->settles)
		each_report(it, &drop_unchanged);
	if (it->group->failing)
		each_report(it, &source_works);
	return true;
}

/* What became of reports that were not built. */
static bool
record(void *argument)
{
	Build	   *it = argument;

	if (it->failure == NULL)
		each_report(it, &postpone_empty);
	else
		for (int i = 0; i < it->count; i++)
			rde_build_failed(it->home, &it->ids[i], it->failure,
							 it->failure->kind);
	return true;
}

/* What cannot even be recorded is left alone for the rest of the run. */
static void
record_contained(RdeWorker *worker, Build *it)
{
	RdeFailure *failure = rde_attempt(record, it, worker->context);

	if (failure == NULL)
		return;
	if (failure->interrupt)
		rde_worker_give_up(worker, it->group, failure);
	worker->skipped_passes = rde_worker_skip(worker->skipped_passes,
											 &it->group->pass);
	rde_worker_warn(psprintf("report %s could not be marked as failed",
							 rde_uuid_text(&it->ids[0])), failure);
}

/* Record that a report was cancelled, and take it from its group. */
static void
drop_cancelled(RdeWorker *worker, const Build *it, int i,
			   const RdeFailure *failure)
{
	RdeGroup   *group = it->group;
	Build		alone = *it;

	alone.ids = &group->ids[i];
	alone.count = 1;
	alone.failure = failure;
	record_contained(worker, &alone);
	worker->failed++;
	group->count--;
	memmove(&group->ids[i], &group->ids[i + 1],
			sizeof(pg_uuid_t) * (group->count - i));
}

/*
 * Does the run go on after it was cancelled? If it was one of several reports that
 * are built together, or one that was built before, the others are built again; if
 * it was the only one, the failure is now that it was cancelled.
 */
static bool
goes_on(RdeWorker *worker, const Build *it, RdeFailure *failure)
{
	if (it->count == 1)
		return rde_cancelled(worker->home, it->ids, failure) !=
			RDE_NOT_CANCELLED;
	for (int i = it->group->count - 1; i >= 0; i--)
	{
		RdeFailure	seen = *failure;
		RdeCancelled cancelled = rde_cancelled(worker->home,
											   &it->group->ids[i], &seen);

		if (cancelled == RDE_NOT_CANCELLED)
			return false;
		if (cancelled == RDE_CANCELLED)
			drop_cancelled(worker, it, i, &seen);
	}
	return true;
}

/*
 * Build reports, and record what became of it.  False if they failed together
 * and the fault may be one's alone.
 */
static bool
build_together(RdeWorker *worker, Build *it)
{
	RdeFailure *failure = rde_attempt(build, it, worker->context);

	if (failure == NULL && !it->postponed)
	{
		worker->built += it->count;
		return true;
	}
	if (failure && failure->interrupt && !goes_on(worker, it, failure))
		rde_worker_give_up(worker, it->group, failure);
	if (failure && failure->interrupt)
		return it->count == 1 && build_together(worker, it);
	if (failure && it->count > 1 && strcmp(failure->kind, "build") == 0)
		return false;
	it->failure = failure;
	record_contained(worker, it);
	if (failure)
	{
		worker->failed += it->count;
		worker->source_failed = strcmp(failure->kind, "source") == 0;
	}
	return true;
}

/* All formats by one SELECT; if that fails, each alone. */
static void
build_group(RdeWorker *worker, RdeGroup *group, TimestampTz horizon)
{
	rde_step_begin();
	if (rde_claim_lock(worker->home, group))
	{
		Build		it = {.home = worker->home,.group = group,.ids = group->ids,
			.count = group->count,.horizon = horizon
		};

		if (!build_together(worker, &it))
		{
			it.count = 1;
			for (int i = 0; i < group->count; i++)
			{
				it.ids = &group->ids[i];
				(void) build_together(worker, &it);
			}
		}
	}
	rde_step_end();
}

/* What a round begins with. */
typedef struct Round
{
	RdeWorker  *worker;
	TimestampTz horizon;
	List	   *groups;
} Round;

static const RdeStatement submit_revisions = {
	.sql = "SELECT %s._rde_submit_settling($1)",
	.types = {TIMESTAMPTZOID},
	.expected = SPI_OK_SELECT
};

/* Revisions of provisional reports whose periods have settled. */
static bool
submit_settling(void *argument)
{
	Round	   *it = argument;
	Datum		values[] = {TimestampTzGetDatum(it->horizon)};

	(void) rde_worker_call(it->worker, &submit_revisions, values);
	return true;
}

static bool
read_watermarks(void *argument)
{
	Round	   *it = argument;

	rde_watermark_refresh(it->worker->home, it->worker->context);
	return true;
}

static bool
claim(void *argument)
{
	Round	   *it = argument;
	RdeWorker  *worker = it->worker;

	it->groups = rde_claim(worker->home,
						   worker->max_reports - worker->built - worker->failed,
						   it->horizon, rde_setting_settle_limit,
						   worker->skipped_passes, worker->context);
	return true;
}

static void
attempt(RdeWorker *worker, RdeAction action, Round *round,
		const char *cannot)
{
	RdeFailure *failure = rde_attempt(action, round, worker->context);

	if (failure && failure->interrupt)
		rde_worker_give_up(worker, NULL, failure);
	if (failure)
		rde_worker_warn(cannot, failure);
}

bool
rde_worker_build(RdeWorker *worker)
{
	Round		round = {.worker = worker};
	TimestampTz claimed;
	ListCell   *cell;

	rde_step_begin();
	round.horizon = rde_settle_horizon(worker->home);
	attempt(worker, read_watermarks, &round, "watermarks could not be read");
	attempt(worker, submit_settling, &round,
			"revisions could not be submitted");
	attempt(worker, claim, &round, "reports could not be claimed");
	rde_step_end();

	claimed = GetCurrentTimestamp();
	worker->source_failed = false;
	foreach(cell, round.groups)
	{
		build_group(worker, lfirst(cell), round.horizon);
		CHECK_FOR_INTERRUPTS();
		if (lnext(round.groups, cell) &&
			(worker->source_failed ||
			 TimestampDifferenceExceeds(claimed, GetCurrentTimestamp(),
										CLAIM_MS)))
		{
			rde_step_begin();
			rde_claim_release(worker->home);
			rde_step_end();
			break;
		}
	}
	return round.groups != NIL;
}
