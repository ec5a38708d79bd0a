/*
 * worker.c
 *	  rde_run_due: what is due becomes submitted, what is submitted is built.
 *
 * Invariant: between two steps nothing is open but a transaction that has done
 * nothing yet; a step's work is committed as a whole.  So a worker may be
 * stopped, killed or run beside others at any moment.
 */
#include "work/worker.h"

#include "core/row.h"
#include "core/step.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "who/sight.h"

/* How often it looks for more while it waits. */
#define LOOK_MS				1000

/* How often it purges, sweeps and says that it is still there. */
#define UPKEEP_MS			60000

Datum
rde_worker_skip(Datum skipped, const pg_uuid_t *id)
{
	ArrayType  *old = DatumGetArrayTypeP(skipped);
	MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(old));
	int			count = ArrayGetNItems(ARR_NDIM(old), ARR_DIMS(old)) + 1;
	Datum		grown = PointerGetDatum(array_set(old, 1, &count,
												  UUIDPGetDatum(id), false,
												  -1, UUID_LEN, false,
												  TYPALIGN_CHAR));

	MemoryContextSwitchTo(caller);
	return grown;
}

int64
rde_worker_call(RdeWorker *worker, const RdeStatement *statement,
				Datum *values)
{
	rde_execute(worker->home, statement, values, NULL);
	return rde_row_int64(rde_row(0), 1);
}

void
rde_worker_warn(const char *cannot, const RdeFailure *failure)
{
	ereport(WARNING,
			(errcode(failure->error->sqlerrcode),
			 errmsg("%s: %s", cannot, failure->error->message)));
}

static const RdeStatement insert_worker = {
	.sql = "INSERT INTO %s._rde_worker (pid) VALUES ($1) RETURNING started_at",
	.types = {INT4OID},
	.expected = SPI_OK_INSERT_RETURNING
};

/* In _rde_worker, for rde_health. */
static void
sign_in(RdeWorker *worker)
{
	Datum		values[] = {Int32GetDatum(MyProcPid)};

	rde_step_begin();
	rde_execute(worker->home, &insert_worker, values, NULL);
	worker->started = rde_row_instant(rde_row(0), 1);
	/* claims of an earlier run in this session that was interrupted */
	rde_claim_release(worker->home);
	rde_step_end();
}

static const RdeStatement update_worker = {
	.sql = "UPDATE %s._rde_worker SET seen_at = clock_timestamp(),"
	" built = $3, failed = $4,"
	" finished_at = CASE WHEN $5 THEN clock_timestamp() END"
	" WHERE pid = $1 AND started_at = $2",
	.types = {INT4OID, TIMESTAMPTZOID, INT8OID, INT8OID, BOOLOID},
	.expected = SPI_OK_UPDATE
};

static const RdeStatement forget_workers = {
	.sql = "DELETE FROM %s._rde_worker"
	" WHERE seen_at < now() - interval '3 days'",
	.expected = SPI_OK_DELETE
};

static void
sign(RdeWorker *worker, bool finished)
{
	Datum		values[] = {
		Int32GetDatum(MyProcPid), TimestampTzGetDatum(worker->started),
		Int64GetDatum((int64) worker->built),
		Int64GetDatum((int64) worker->failed), BoolGetDatum(finished)
	};

	rde_execute(worker->home, &update_worker, values, NULL);
	rde_execute(worker->home, &forget_workers, NULL, NULL);
}

void
rde_worker_give_up(RdeWorker *worker, const RdeGroup *group,
				   const RdeFailure *failure)
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

/* What is to be done now and then. */
static void
upkeep(RdeWorker *worker)
{
	worker->upkeep = GetCurrentTimestamp();
	rde_step_begin();
	sign(worker, false);
	rde_step_end();
	rde_worker_tidy(worker);
}

static bool
is_full(const RdeWorker *worker)
{
	return worker->built + worker->failed >= worker->max_reports;
}

static const RdeStatement find_next_due = {
	.sql = "SELECT min(due) FROM ("
	"SELECT min(next_run_at) FROM %s._rde_generator WHERE enabled"
	" UNION ALL SELECT min(coalesce(retry_at, due_at))"
	" FROM %s._rde_report"
	" WHERE status = 'submitted' OR retry_at IS NOT NULL)"
	" AS due(due)",
	.expected = SPI_OK_SELECT
};

/* When is something due that nobody has submitted or tried yet? */
static const char *
next_due(RdeWorker *worker)
{
	char	   *text;

	rde_execute(worker->home, &find_next_due, NULL, NULL);
	text = rde_row_text_or_null(rde_row(0), 1);
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
run(RdeWorker *worker, TimestampTz until)
{
	sign_in(worker);
	upkeep(worker);
	for (;;)
	{
		MemoryContextReset(worker->context);
		rde_worker_submit(worker);
		if (is_full(worker))
			break;
		if (!rde_worker_build(worker))
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
	RdeWorker	worker = {0};

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
	worker.skipped_generators = worker.skipped_passes =
		PointerGetDatum(construct_empty_array(UUIDOID));
	worker.waiting = rde_waiting_create();
	worker.context = AllocSetContextCreate(CurrentMemoryContext, "rde round",
										   ALLOCSET_DEFAULT_SIZES);
	/* what the caller's transaction began with is not what a step begins with */
	rde_commit();
	run(&worker, until);
	SPI_finish();
	PG_RETURN_VOID();
}
