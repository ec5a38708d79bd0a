/*
 * build.c
 *	  The build: locks, snapshot, receiver, sinks, finish.
 *
 * Invariant: the source is read by exactly one SELECT under one snapshot that
 * was taken after the settle check and after the locks of what is read; every
 * file, total and manifest of the build comes from the rows of that SELECT.  What
 * of them goes into which file is files.c's.
 */
#include "build/build.h"

#include "build/receiver.h"
#include "build/select.h"
#include "build/settle.h"
#include "build/slices.h"
#include "build/watermark.h"
#include "build/window.h"
#include "core/row.h"
#include "core/statement.h"
#include "report/missing.h"
#include "who/who.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Progress counters the server leaves free; rde_progress reads them. */
#define PROGRESS_REPORT_HIGH	18
#define PROGRESS_REPORT_LOW		19
#define PROGRESS_ROWS_EXPECTED	17
#define PROGRESS_BEGAN			16

/*
 * Rows that reports of several resellers are expected to have together: a matter of
 * a second.  Twice as many end the pass, should the planner have been wrong.
 */
#define MAX_SHARED_ROWS		100000

static void
show_progress(const RdePass *pass, const pg_uuid_t *id, double rows)
{
	uint64		halves[2];

	memcpy(halves, id->data, sizeof(halves));
	pgstat_progress_start_command(PROGRESS_COMMAND_COPY,
								  RelationGetRelid(pass->query->relation));
	pgstat_progress_update_param(PROGRESS_COPY_COMMAND,
								 PROGRESS_COPY_COMMAND_TO);
	pgstat_progress_update_param(PROGRESS_COPY_TYPE,
								 PROGRESS_COPY_TYPE_CALLBACK);
	pgstat_progress_update_param(PROGRESS_REPORT_HIGH,
								 (int64) pg_ntoh64(halves[0]));
	pgstat_progress_update_param(PROGRESS_REPORT_LOW,
								 (int64) pg_ntoh64(halves[1]));
	pgstat_progress_update_param(PROGRESS_ROWS_EXPECTED,
								 (int64) Min(rows, (double) (PG_INT64_MAX / 2)));
	pgstat_progress_update_param(PROGRESS_BEGAN, GetCurrentTimestamp());
}

/* The formats of the reports being built, as a text[]. */
static ArrayType *
formats_of(RdeReport *const *reports, int count)
{
	Datum	   *names = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		names[i] = CStringGetTextDatum(reports[i]->format->name);
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/* What several resellers' reports ask for, as if it were one. */
static RdeReport *
joined(const RdeFiles *files)
{
	RdeReport  *report = palloc(sizeof(RdeReport));
	Datum	   *resellers = palloc(sizeof(Datum) * files->nshares);

	for (int i = 0; i < files->nshares; i++)
		resellers[i] = Int64GetDatum(files->shares[i].reseller);
	*report = *files->reports[0];
	report->has_reseller = false;	/* whose view it is: one for all */
	report->resellers = construct_array(resellers, files->nshares, INT8OID,
										sizeof(int64), FLOAT8PASSBYVAL,
										TYPALIGN_DOUBLE);
	return report;
}

/* Has every row that will ever be in this report been committed? */
static bool
is_provisional(const RdeReport *report, int64 rows, TimestampTz horizon)
{
	if (report->snapshot_window)
		return false;			/* what comes later is the next window's */
	if (report->invoice)
		return rows == 0;		/* lines come with their invoice, or after */
	return report->period_to > horizon;
}

/* Reports that are built by one SELECT, while they are. */
typedef struct Build
{
	const RdeHome *home;
	MemoryContext context;		/* of all of it */
	RdeFiles   *files;
	const RdeReport *asked;		/* what is asked of all is asked of it */
	ArrayType  *formats;
	RdeWindow  *window;			/* or NULL */
	RdePass    *pass;
	RdeSelect  *select;
	RdeSlices  *slices;			/* or NULL */
	TimestampTz horizon;		/* what ended before it has settled */
} Build;

static void
read_reports(Build *build, const pg_uuid_t *ids, int count)
{
	RdeReport **reports = rde_reports_begin(build->home, ids, count,
											build->context);

	MemoryContextSwitchTo(build->context);
	build->files = rde_files_create(build->home, reports, count);
	build->asked = build->files->nshares > 1 ? joined(build->files) :
		reports[0];
	build->formats = formats_of(reports, count);
}

/*
 * Several resellers wait for each other's files until all are published; so there
 * are not many rows of them.
 */
static void
refuse_many_rows(const Build *build)
{
	if (build->files->nshares > 1 &&
		rde_select_estimate(build->select) > MAX_SHARED_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("reports of several resellers may have more than %d rows together",
						MAX_SHARED_ROWS)));
}

/* Whatever is waited for is waited for here: rows of ours, then the source. */
static void
lock_and_plan(Build *build, const pg_uuid_t *ids, int count, int64 max_rows)
{
	read_reports(build, ids, count);
	if (build->asked->snapshot_window)
	{
		rde_failure_phase(RDE_PHASE_WINDOW);
		build->window = rde_window_lock(build->home, build->asked,
										build->formats, build->context);
		rde_failure_phase(RDE_PHASE_OTHER);
	}

	/* what is read is locked under one snapshot, and read by the next */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (build->window)
		rde_window_end(build->home, build->window, build->context);
	MemoryContextSwitchTo(build->context);
	rde_failure_phase(RDE_PHASE_SOURCE);
	build->pass->query = rde_dataset_query(build->home, build->asked,
										   build->files->nshares > 1,
										   build->window);
	rde_failure_phase(RDE_PHASE_OTHER);
	rde_dataset_check_columns(build->pass->query);
	rde_failure_phase(RDE_PHASE_SOURCE);
	if (build->pass->query->from_elsewhere)
		build->horizon = Min(build->horizon,
							 rde_watermark_arrived(build->home,
												   build->asked->dataset));
	build->select = rde_select_plan(build->pass->query,
									build->asked->time_zone);
	if (max_rows < 0)
		build->slices = rde_slices_plan(build->select, build->files,
										build->asked->time_zone);
	rde_failure_phase(RDE_PHASE_OTHER);
	PopActiveSnapshot();
	refuse_many_rows(build);
}

/* The rows, by this process alone. */
static void
read_whole(Build *build)
{
	ErrorContextCallback callback;

	rde_failure_phase(RDE_PHASE_ROWS);
	callback.callback = rde_pass_error_context;
	callback.arg = build->pass;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	rde_select_run(build->select, build->window, build->asked->time_zone,
				   rde_receiver_create(build->pass));
	error_context_stack = callback.previous;
}

/* Run the SELECT under a snapshot of its own, the only one it is run by. */
static void
run(Build *build, int64 max_rows)
{
	RdePass    *pass = build->pass;
	RdeFiles   *files = build->files;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (build->window)
		rde_window_end(build->home, build->window, build->context);
	MemoryContextSwitchTo(build->context);
	files->common.columns = pass->query->columns;
	files->common.ncolumns = pass->query->ncolumns;
	files->has_totals = pass->query->amount >= 0;
	files->cuts = pass->query->cuts;
	pass->dataset = build->asked->dataset;
	pass->zone = build->asked->zone;
	pass->files = files;
	pass->max_rows = files->nshares > 1 ? 2 * MAX_SHARED_ROWS : max_rows;

	show_progress(pass, &files->reports[0]->id,
				  rde_select_estimate(build->select));
	if (build->slices == NULL ||
		!rde_slices_run(build->slices, pass, build->asked->time_zone))
		read_whole(build);
	rde_failure_phase(RDE_PHASE_OTHER);
	rde_select_check(build->home, build->select);
	PopActiveSnapshot();
}

/* End the files, and publish them with what the build found out. */
static void
publish(Build *build, instr_time started)
{
	RdeFiles   *files = build->files;
	RdeBuilt	built = {
		.provisional = is_provisional(build->asked, build->pass->rows,
									  build->horizon),
		.columns = files->common.columns,.ncolumns = files->common.ncolumns,
		.conditions = build->pass->query->conditions_json
	};
	instr_time	elapsed;

	rde_files_end(files);
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, started);
	built.build_ms = INSTR_TIME_GET_MILLISEC(elapsed) / files->nshares;
	rde_reports_finish(build->home, files->reports, files->manifests,
					   files->count, &built);
	if (build->window)
		rde_window_save(build->home, build->asked, build->formats,
						build->window);
}

int64
rde_build_reports(const RdeHome *home, const pg_uuid_t *ids, int count,
				  TimestampTz horizon, int64 max_rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "rde export",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Build		build = {.home = home,.context = context,.horizon = horizon};
	instr_time	started;
	int64		rows;

	INSTR_TIME_SET_CURRENT(started);
	rde_failure_phase(RDE_PHASE_OTHER);
	build.pass = palloc0(sizeof(RdePass));
	rde_connect();
	lock_and_plan(&build, ids, count, max_rows);
	run(&build, max_rows);
	publish(&build, started);
	rows = build.pass->rows;
	pgstat_progress_end_command();
	rde_query_close(build.pass->query);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return rows;
}

static const RdeStatement find_temporary_objects = {
	.sql = "SELECT EXISTS (SELECT FROM (SELECT relowner FROM pg_catalog.pg_class"
	" WHERE relnamespace = pg_catalog.pg_my_temp_schema()"
	" UNION ALL SELECT proowner FROM pg_catalog.pg_proc"
	" WHERE pronamespace = pg_catalog.pg_my_temp_schema()"
	" UNION ALL SELECT typowner FROM pg_catalog.pg_type"
	" WHERE typnamespace = pg_catalog.pg_my_temp_schema()"
	" UNION ALL SELECT oprowner FROM pg_catalog.pg_operator"
	" WHERE oprnamespace = pg_catalog.pg_my_temp_schema()) AS o(owner)"
	" JOIN pg_catalog.pg_roles r ON r.oid = o.owner WHERE NOT r.rolsuper)",
	.expected = SPI_OK_SELECT
};

/*
 * A source's functions find temporary objects before those of their own schemas,
 * also where they pin their path, and run them with the rights of the source's
 * owner.  So whoever is not trusted with these has none when it is read.
 */
static void
refuse_temporary_objects(const RdeHome *home)
{
	bool		found;

	rde_connect();
	rde_execute(home, &find_temporary_objects, NULL, NULL);
	found = rde_row_bool(rde_row(0), 1);
	SPI_finish();
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an account cannot build reports in a session that has temporary objects of its own"),
				 errhint("DISCARD TEMP; or let a worker build them with rde_submit().")));
}

/* A tenant is told what is in rde's own words, the server's log the rest. */
static void
build_for_tenant(const RdeHome *home, const pg_uuid_t *id,
				 TimestampTz horizon, int64 max_rows)
{
	MemoryContext context = CurrentMemoryContext;
	int			guc_level;

	refuse_temporary_objects(home);
	guc_level = NewGUCNestLevel();
	/* what functions of the source have to say may be about others' rows */
	(void) set_config_option("client_min_messages", "error", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	PG_TRY();
	{
		rde_build_reports(home, id, 1, horizon, max_rows);
		AtEOXact_GUC(true, guc_level);
	}
	PG_CATCH();
	{
		RdeFailure *failure = rde_failure_caught(context);

		if (!failure->foreign || failure->interrupt)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ereport(LOG_SERVER_ONLY,
				(errmsg("report %s could not be built: %s",
						rde_uuid_text(id), failure->error->message)));
		ereport(ERROR,
				(errcode(failure->error->sqlerrcode),
				 errmsg(RDE_REPORT_REFERENCE, rde_uuid_text(id)),
				 errhint("The provider can find out why by the reference.")));
	}
	PG_END_TRY();
}

void
rde_build_now(const RdeHome *home, const pg_uuid_t *id, int64 max_rows)
{
	TimestampTz horizon = DT_NOBEGIN;

	/* a snapshot taken before the settle check says nothing */
	if (!IsolationUsesXactSnapshot())
	{
		rde_connect();
		horizon = rde_settle_horizon(home);
		SPI_finish();
	}
	if (rde_who(home).rank == RDE_TENANT)
		build_for_tenant(home, id, horizon, max_rows);
	else
		rde_build_reports(home, id, 1, horizon, max_rows);
}

void
rde_build_failed(const RdeHome *home, const pg_uuid_t *id,
				 const RdeFailure *failure, const char *kind)
{
	const ErrorData *error = failure->error;

	rde_connect();
	rde_report_fail(home, id, error, kind, failure->foreign);
	SPI_finish();
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("report %s could not be built: %s", rde_uuid_text(id),
					error->message),
			 error->detail ? errdetail("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0));
}
