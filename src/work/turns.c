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
#include "work/blame.h"

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

/*
 * How many passes are claimed at once: more each time, while building all of them
 * takes a moment only, since they may be built together and then cost little; fewer
 * when they turn out to be large.
 */
#define MIN_REACH			8
#define FIRST_REACH			32
#define MAX_REACH			512
#define MOMENT_MS			500

/*
 * So many that fail alone, and a source is given up that was read for nobody: if they
 * need locks, each of them waits.
 */
#define MAX_SUSPECTS		3

/* An invoice without rows is tried this often, see _rde_postpone_empty(). */
#define MAX_EMPTY_BUILDS	3

/* An attempt at reports that are built by one SELECT. */
typedef struct Build
{
	const RdeHome *home;
	const RdeGroup *group;
	TimestampTz horizon;
	bool		postponed;		/* has no rows yet */
	const RdeFailure *failure;	/* to be recorded */
	bool		others_built;	/* of its group, so the source was read for
								 * them */
	bool		source_failed;	/* so it was recorded */
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
	for (int i = 0; i < it->group->count; i++)
	{
		Datum		values[] = {UUIDPGetDatum(&it->group->ids[i])};

		rde_execute(it->home, statement, values, NULL);
	}
}

static bool
build(void *argument)
{
	Build	   *it = argument;
	const RdeGroup *group = it->group;
	int64		rows;

	if (group->tried || group->failed)
		rde_step_wait_briefly();
	rows = rde_build_reports(it->home, group->ids, group->count, it->horizon,
							 -1);
	it->postponed = rows == 0 && group->on_invoice &&
		!group->settles && group->empty_builds < MAX_EMPTY_BUILDS;
	if (it->postponed)
		return false;
	if (group->failing)
	{
		Datum		values[] = {UUIDPGetDatum(&group->ids[0])};

		rde_execute(it->home, &source_works, values, NULL);
	}
	if (group->settles)
		each_report(it, &drop_unchanged);
	return true;
}

/* What became of reports that were not built. */
static bool
record(void *argument)
{
	Build	   *it = argument;

	if (it->failure == NULL)
	{
		each_report(it, &postpone_empty);
		return true;
	}
	for (int i = 0; i < it->group->count; i++)
	{
		const char *kind = rde_blame(it->home, it->failure,
									 it->others_built,
									 &it->group->ids[i]);

		rde_build_failed(it->home, &it->group->ids[i], it->failure, kind);
		it->source_failed |= strcmp(kind, "source") == 0;
	}
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
	for (int i = 0; i < it->group->count; i++)
		worker->skipped_passes = rde_worker_skip(worker->skipped_passes,
												 &it->group->passes[i]);
	rde_worker_warn(psprintf("report %s could not be marked as failed",
							 rde_uuid_text(&it->group->ids[0])), failure);
}

/* Some of a group's reports, to be tried for themselves. */
static RdeGroup *
part_of(const RdeGroup *group, int from, int count)
{
	RdeGroup   *part = palloc(sizeof(RdeGroup));

	*part = *group;
	part->ids += from;
	part->passes += from;
	part->count = count;
	part->tried = true;
	return part;
}

/*
 * A group in two, the formats of a pass together.  They lie in one array, each in its
 * place.
 */
static List *
halves_of(const RdeGroup *group)
{
	int			middle = group->count / 2;
	int			end = middle;

	while (end < group->count &&
		   memcmp(&group->passes[end], &group->passes[end - 1],
				  sizeof(pg_uuid_t)) == 0)
		end++;
	if (end < group->count)
		middle = end;
	return list_make2(part_of(group, 0, middle),
					  part_of(group, middle, group->count - middle));
}

/* Record that a report was cancelled, and take it from its group. */
static void
drop_cancelled(RdeWorker *worker, RdeGroup *group, int i,
			   const RdeFailure *failure)
{
	Build		alone = {
		.home = worker->home,.group = part_of(group, i, 1),.failure = failure
	};

	record_contained(worker, &alone);
	worker->failed++;
	group->count--;
	memmove(&group->ids[i], &group->ids[i + 1],
			sizeof(pg_uuid_t) * (group->count - i));
	memmove(&group->passes[i], &group->passes[i + 1],
			sizeof(pg_uuid_t) * (group->count - i));
}

/*
 * Does the run go on after it was cancelled?  If some of the group's reports were, or
 * one that was built before, the rest of them is built again; if it was the only one,
 * the failure is now that it was cancelled.
 */
static bool
goes_on(RdeWorker *worker, RdeGroup *group, RdeFailure *failure)
{
	if (group->count == 1)
		return rde_cancelled(worker->home, group->ids, failure) !=
			RDE_NOT_CANCELLED;
	for (int i = group->count - 1; i >= 0; i--)
	{
		RdeFailure	seen = *failure;
		RdeCancelled cancelled = rde_cancelled(worker->home, &group->ids[i],
											   &seen);

		if (cancelled == RDE_NOT_CANCELLED)
			return false;
		if (cancelled == RDE_CANCELLED)
			drop_cancelled(worker, group, i, &seen);
	}
	return true;
}

/* Are they of several passes, and so of several resellers? */
static bool
has_several_passes(const RdeGroup *group)
{
	for (int i = 1; i < group->count; i++)
		if (memcmp(&group->passes[0], &group->passes[i],
				   sizeof(pg_uuid_t)) != 0)
			return true;
	return false;
}

/* May the fault be one's alone, of several? */
static bool
may_be_ones(const RdeGroup *group, const RdeFailure *failure)
{
	if (strcmp(failure->kind, "build") == 0)
		return group->count > 1;
	return has_several_passes(group) && rde_blame_may_be_ones(failure);
}

/*
 * Before any other of its group was built, one that fails alone looks like one whose
 * source cannot be read, for anybody.  Are there others to find out with?
 */
static bool
is_to_be_suspected(const RdeWorker *worker, const RdeGroup *group,
				   const RdeFailure *failure, const RdeGroup *next)
{
	return rde_blame_may_be_ones(failure) && !worker->others_built &&
		!group->suspect && worker->suspects < MAX_SUSPECTS &&
		next && next->tried && !next->suspect;
}

/* What is still to be built of a group, or NIL: nothing is recorded of it yet. */
static List *
rest_of(RdeWorker *worker, RdeGroup *group, const RdeFailure *failure,
		const RdeGroup *next)
{
	RdeGroup   *suspect;

	if (failure->interrupt)
		return group->count > 0 ?
			list_make1(part_of(group, 0, group->count)) : NIL;
	if (may_be_ones(group, failure))
		return halves_of(group);
	if (!is_to_be_suspected(worker, group, failure, next))
		return NIL;
	suspect = part_of(group, 0, group->count);
	suspect->suspect = true;
	worker->suspects++;
	return list_make1(suspect);
}

/*
 * Build reports, and record what became of it.  If they failed together and the fault
 * may be one's alone, nothing is recorded, and the halves of the group are returned;
 * if some were cancelled, the rest; if it is one that may be alone with its failure,
 * the same to be tried again when others were.  `next` is what comes next, or NULL.
 */
static List *
build_together(RdeWorker *worker, RdeGroup *group, const RdeGroup *next,
			   TimestampTz horizon)
{
	Build		it = {.home = worker->home,.group = group,.horizon = horizon};
	RdeFailure *failure = rde_attempt(build, &it, worker->context);
	List	   *rest;

	if (failure == NULL && !it.postponed)
	{
		worker->built += group->count;
		worker->others_built = true;
		return NIL;
	}
	if (failure && failure->interrupt && !goes_on(worker, group, failure))
		rde_worker_give_up(worker, group, failure);
	/* where groups live: SPI leaves its own context behind */
	MemoryContextSwitchTo(worker->context);
	rest = failure ? rest_of(worker, group, failure, next) : NIL;
	if (rest || group->count == 0)
		return rest;
	it.failure = failure;
	it.others_built = worker->others_built;
	record_contained(worker, &it);
	if (failure)
		worker->failed += group->count;
	worker->source_failed = it.source_failed;
	return NIL;
}

/* Suspects come behind the other parts of their group, other parts at once. */
static List *
with_rest(List *groups, List *rest)
{
	int			place = 0;

	if (rest == NIL)
		return groups;
	if (!((RdeGroup *) linitial(rest))->suspect)
		return list_concat(rest, groups);
	while (place < list_length(groups) &&
		   ((RdeGroup *) list_nth(groups, place))->tried)
		place++;
	return list_insert_nth(groups, place, linitial(rest));
}

/*
 * Build the first of some groups in a transaction of its own.  What is still to be
 * built of it comes before the others.
 */
static List *
build_first(RdeWorker *worker, List *groups, TimestampTz horizon)
{
	RdeGroup   *group = linitial(groups);
	RdeGroup   *next = list_length(groups) > 1 ? lsecond(groups) : NULL;

	groups = list_delete_first(groups);
	if (!group->tried)
	{
		worker->suspects = 0;
		worker->others_built = false;
	}
	rde_step_begin();
	if (rde_claim_lock(worker->home, group))
		groups = with_rest(groups, build_together(worker, group, next,
												  horizon));
	rde_step_end();
	return groups;
}

/* Has what is next been tried before, with others? */
static bool
is_rest(const List *groups)
{
	return groups != NIL && ((RdeGroup *) linitial(groups))->tried;
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
	RdeReady	ready = {
		.now = GetCurrentTimestamp(),.horizon = it->horizon,
		.settle_limit = rde_setting_settle_limit,
		.skipped = worker->skipped_passes
	};

	it->groups = rde_claim(worker->home, worker->waiting,
						   Min(worker->reach, worker->max_reports -
							   worker->built - worker->failed),
						   &ready, worker->context);
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

/* What of the claim has taken how long? */
static bool
has_taken(TimestampTz claimed, int milliseconds)
{
	return TimestampDifferenceExceeds(claimed, GetCurrentTimestamp(),
									  milliseconds);
}

/*
 * Build what was claimed, one group after the other.  What is left of one that could
 * not be built comes at once, or nothing would ever become of it; other groups are
 * given back if it takes long, and all when a source pauses.
 */
static void
build_claimed(RdeWorker *worker, List *groups, TimestampTz horizon)
{
	TimestampTz claimed = GetCurrentTimestamp();
	bool		failed = false;

	worker->source_failed = false;
	while (groups != NIL)
	{
		groups = build_first(worker, groups, horizon);
		failed = failed || is_rest(groups);
		CHECK_FOR_INTERRUPTS();
		if (groups != NIL &&
			(worker->source_failed ||
			 (!is_rest(groups) && has_taken(claimed, CLAIM_MS))))
		{
			rde_step_begin();
			rde_claim_release(worker->home);
			rde_step_end();
			/* what was given back is first again */
			rde_waiting_forget(worker->waiting);
			break;
		}
	}
	if (failed || has_taken(claimed, CLAIM_MS))
		worker->reach = Max(worker->reach / 4, MIN_REACH);
	else if (!has_taken(claimed, MOMENT_MS))
		worker->reach = Min(worker->reach * 2, MAX_REACH);
}

bool
rde_worker_build(RdeWorker *worker)
{
	Round		round = {.worker = worker};

	if (worker->reach == 0)
		worker->reach = FIRST_REACH;
	rde_step_begin();
	round.horizon = rde_settle_horizon(worker->home);
	attempt(worker, read_watermarks, &round, "watermarks could not be read");
	attempt(worker, submit_settling, &round,
			"revisions could not be submitted");
	attempt(worker, claim, &round, "reports could not be claimed");
	rde_step_end();
	if (round.groups == NIL)
		return false;
	build_claimed(worker, round.groups, round.horizon);
	return true;
}
