/*
 * worker.c
 *	  rde_run_due: what is due becomes submitted, what is submitted is built.
 *
 * Invariant: between two steps nothing is open but a transaction that has done
 * nothing yet; a step's work is committed as a whole.  So a worker may be
 * stopped, killed or run beside others at any moment.
 */
#include "core/rde.h"

#include "who/who.h"
#include "access/xact.h"
#include "build/build.h"
#include "catalog/pg_type.h"
#include "work/claim.h"
#include "work/generator.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "build/settle.h"
#include "core/step.h"
#include "storage/latch.h"
#include "work/sweep.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/*
 * Reports that were claimed together with one that took longer than this are
 * given back: another worker may have its hands free, and what was submitted
 * meanwhile its turn.  So are those claimed together with one whose source
 * cannot be read: some of them may need the same.
 */
#define CLAIM_MS			1000

/* How often it looks for more while it waits. */
#define LOOK_MS				1000

/* How often it purges, sweeps and says that it is still there. */
#define UPKEEP_MS			60000

/* Rows a step takes of what may come in masses. */
#define EVENTS_PER_STEP		1000
#define PURGED_PER_STEP		100

/* An invoice without rows is tried this often, see _rde_postpone_empty(). */
#define MAX_EMPTY_BUILDS	3

typedef struct Worker
{
	const RdeHome *home;
	MemoryContext context;		/* of the round */
	Datum		started;		/* its key in rde_worker, with its pid */
	TimestampTz upkeep;			/* when it was done last */
	int			max_reports;
	int			built;
	int			failed;
	bool		source_failed;	/* so no other report of its can be built */
} Worker;

/* A function of rde's own that returns a bigint. */
static int64
call(Worker *worker, const char *statement, int nargs, Oid *types,
	 Datum *values)
{
	bool		isnull;
	Datum		value;

	rde_execute(worker->home, statement, nargs, types, values, NULL, false,
				SPI_OK_SELECT);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &isnull);
	return isnull ? 0 : DatumGetInt64(value);
}

/* In rde_worker, for rde_health. */
static void
sign_in(Worker *worker)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(MyProcPid)};
	bool		isnull;

	rde_step_begin();
	rde_execute(worker->home,
				"INSERT INTO %s.rde_worker (pid) VALUES ($1)"
				" RETURNING started_at",
				1, types, values, NULL, false, SPI_OK_INSERT_RETURNING);
	worker->started = SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 1, &isnull);
	/* claims of an earlier run in this session that was interrupted */
	rde_claim_release(worker->home);
	rde_step_end();
}

static void
sign(Worker *worker, bool finished)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, INT8OID, INT8OID, BOOLOID};
	Datum		values[] = {
		Int32GetDatum(MyProcPid), worker->started,
		Int64GetDatum((int64) worker->built),
		Int64GetDatum((int64) worker->failed), BoolGetDatum(finished)
	};

	rde_execute(worker->home,
				"UPDATE %s.rde_worker SET seen_at = clock_timestamp(),"
				" built = $3, failed = $4,"
				" finished_at = CASE WHEN $5 THEN clock_timestamp() END"
				" WHERE pid = $1 AND started_at = $2",
				5, types, values, NULL, false, SPI_OK_UPDATE);
	rde_execute(worker->home,
				"DELETE FROM %s.rde_worker"
				" WHERE seen_at < now() - interval '3 days'",
				0, NULL, NULL, NULL, false, SPI_OK_DELETE);
}

/* End the run in the middle of a step, whose subtransactions are gone. */
static void
give_up(Worker *worker, const RdeGroup *group, const RdeFailure *failure)
{
	rde_step_abandon();
	rde_step_begin();
	if (group)
		rde_claim_interrupted(worker->home, group);
	rde_claim_release(worker->home);
	sign(worker, true);
	rde_step_end();
	rde_failure_raise(failure);
}

/* Whether there was a table to sweep. */
typedef struct Sweep
{
	const RdeHome *home;
	bool		swept;
} Sweep;

static bool
sweep(void *argument)
{
	Sweep	   *it = argument;

	it->swept = rde_sweep_watched(it->home);
	return true;
}

/* What is to be done now and then. */
static void
upkeep(Worker *worker)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(PURGED_PER_STEP)};
	bool		more;

	worker->upkeep = GetCurrentTimestamp();
	rde_step_begin();
	sign(worker, false);
	rde_step_end();
	do
	{
		rde_step_begin();
		more = call(worker, "SELECT %s.rde_purge($1)", 1, types, values) ==
			PURGED_PER_STEP;
		rde_step_end();
		CHECK_FOR_INTERRUPTS();
	} while (more);
	do
	{
		Sweep		it = {worker->home, false};
		RdeFailure *failure;

		rde_step_begin();
		failure = rde_attempt(sweep, &it, worker->context);
		if (failure && failure->interrupt)
			give_up(worker, NULL, failure);
		if (failure)
			ereport(WARNING,
					(errcode(failure->error->sqlerrcode),
					 errmsg("invoices could not be swept: %s",
							failure->error->message)));
		more = it.swept;
		rde_step_end();
		CHECK_FOR_INTERRUPTS();
	} while (more);
}

/* Due periods, invoices and settled periods become submitted reports. */
static void
submit(Worker *worker)
{
	Oid			event_types[] = {INT4OID};
	Datum		event_values[] = {Int32GetDatum(EVENTS_PER_STEP)};
	bool		more;

	do
	{
		rde_step_begin();
		more = rde_generator_submit_due(worker->home);
		rde_step_end();
		CHECK_FOR_INTERRUPTS();
	} while (more);
	do
	{
		rde_step_begin();
		more = call(worker, "SELECT %s._rde_submit_events($1)", 1,
					event_types, event_values) == EVENTS_PER_STEP;
		rde_step_end();
		CHECK_FOR_INTERRUPTS();
	} while (more);
}

/* An attempt at reports that are built by one SELECT. */
typedef struct Build
{
	const RdeHome *home;
	const RdeGroup *group;
	const pg_uuid_t *ids;
	int			count;
	TimestampTz horizon;
	bool		postponed;		/* has no rows yet */
} Build;

static bool
build(void *argument)
{
	Build	   *it = argument;
	int64		rows;

	rows = rde_build_reports(it->home, it->ids, it->count, it->horizon, -1);
	it->postponed = rows == 0 && it->group->on_invoice &&
		!it->group->settles && it->group->empty_builds < MAX_EMPTY_BUILDS;
	return !it->postponed;
}

static void
each_report(Worker *worker, const Build *it, const char *statement)
{
	Oid			types[] = {UUIDOID};

	for (int i = 0; i < it->count; i++)
	{
		Datum		values[] = {UUIDPGetDatum(&it->ids[i])};

		rde_execute(worker->home, statement, 1, types, values, NULL, false,
					SPI_OK_SELECT);
	}
}

/*
 * Build reports, and record what became of it.  False if they failed together
 * and the fault may be one's alone.
 */
static bool
build_together(Worker *worker, Build *it)
{
	RdeFailure *failure = rde_attempt(build, it, worker->context);
	const char *kind;

	if (failure == NULL)
	{
		if (it->postponed)
		{
			each_report(worker, it, "SELECT %s._rde_postpone_empty($1)");
			return true;
		}
		if (it->group->settles)
			each_report(worker, it, "SELECT %s._rde_drop_unchanged($1)");
		if (it->group->failing)
			each_report(worker, it, "SELECT %s._rde_source_works($1)");
		worker->built += it->count;
		return true;
	}
	if (failure->interrupt)
		give_up(worker, it->group, failure);
	kind = failure->kind;
	if (it->count > 1 && strcmp(kind, "build") == 0)
		return false;
	for (int i = 0; i < it->count; i++)
		rde_build_failed(worker->home, &it->ids[i], failure, kind);
	worker->failed += it->count;
	worker->source_failed = strcmp(kind, "source") == 0;
	return true;
}

/* All formats by one SELECT; if that fails, each alone. */
static void
build_group(Worker *worker, RdeGroup *group, TimestampTz horizon)
{
	rde_step_begin();
	if (rde_claim_lock(worker->home, group))
	{
		Build		it = {worker->home, group, group->ids, group->count, horizon,
		false};

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

/* One claim and its builds.  False when nothing was found that can be built. */
static bool
work(Worker *worker)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[1];
	TimestampTz horizon;
	TimestampTz claimed;
	List	   *groups;
	ListCell   *cell;

	rde_step_begin();
	horizon = rde_settle_horizon(worker->home);
	values[0] = TimestampTzGetDatum(horizon);
	(void) call(worker, "SELECT %s._rde_submit_settling($1)", 1, types,
				values);
	groups = rde_claim(worker->home,
					   worker->max_reports - worker->built - worker->failed,
					   horizon, rde_setting_settle_limit, worker->context);
	rde_step_end();

	claimed = GetCurrentTimestamp();
	worker->source_failed = false;
	foreach(cell, groups)
	{
		build_group(worker, lfirst(cell), horizon);
		CHECK_FOR_INTERRUPTS();
		if (lnext(groups, cell) &&
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
	return groups != NIL;
}

static bool
is_full(const Worker *worker)
{
	return worker->built + worker->failed >= worker->max_reports;
}

/* When is something due that nobody has submitted or tried yet? */
static const char *
next_due(Worker *worker)
{
	char	   *text;

	rde_execute(worker->home,
				"SELECT min(due) FROM ("
				"SELECT min(next_run) FROM %s.rde_generator WHERE enabled"
				" UNION ALL SELECT min(coalesce(retry_at, due_at))"
				" FROM %s.rde_report"
				" WHERE status = 'submitted' OR retry_at IS NOT NULL)"
				" AS due(due)",
				0, NULL, NULL, NULL, false, SPI_OK_SELECT);
	text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return text ? psprintf("next due %s", text) : "nothing else is due";
}

static void
wait_a_moment(TimestampTz until)
{
	long		rest = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													   until);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT |
					 WL_EXIT_ON_PM_DEATH, Min(rest, LOOK_MS),
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
run(Worker *worker, TimestampTz until)
{
	sign_in(worker);
	upkeep(worker);
	for (;;)
	{
		MemoryContextReset(worker->context);
		submit(worker);
		if (is_full(worker))
			break;
		if (!work(worker))
		{
			if (GetCurrentTimestamp() >= until)
				break;
			/* so that this transaction is never older than a moment */
			rde_commit();
			wait_a_moment(until);
			rde_commit();
		}
		if (TimestampDifferenceExceeds(worker->upkeep, GetCurrentTimestamp(),
									   UPKEEP_MS))
			upkeep(worker);
	}
	rde_step_begin();
	rde_claim_release(worker->home);
	sign(worker, true);
	ereport(NOTICE,
			(errmsg("%d built, %d failed, %s", worker->built, worker->failed,
					next_due(worker))));
	rde_step_end();
}

PG_FUNCTION_INFO_V1(rde_run_due);

/*
 * CALL rde_run_due(max_reports int, wait interval).  Raises 2D000 where it
 * cannot commit, 25006 on a standby, 22023 for arguments out of range, and what
 * cancels it; what a report fails with is recorded on its row and a warning.
 */
Datum
rde_run_due(PG_FUNCTION_ARGS)
{
	const RdeHome *home;
	TimestampTz started = GetCurrentTimestamp();
	TimestampTz until = started;
	Worker		worker = {0};

	rde_step_check(fcinfo, "rde_run_due", "reports cannot be built");
	if (!PG_ARGISNULL(0) && PG_GETARG_INT32(0) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_reports must be at least 1")));
	if (!PG_ARGISNULL(1))
	{
		until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														TimestampTzGetDatum(started),
														PG_GETARG_DATUM(1)));
		if (until < started)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("wait must not be negative")));
	}
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	home = rde_home(fcinfo);
	rde_refuse_account(home);
	worker.home = home;
	worker.max_reports = PG_ARGISNULL(0) ? INT_MAX : PG_GETARG_INT32(0);
	worker.context = AllocSetContextCreate(CurrentMemoryContext, "rde round",
										   ALLOCSET_DEFAULT_SIZES);
	/* what the caller's transaction began with is not what a step begins with */
	rde_commit();
	run(&worker, until);
	SPI_finish();
	PG_RETURN_VOID();
}
