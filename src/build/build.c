/*
 * build.c
 *	  The build: locks, snapshot, receiver, sinks, finish.
 *
 * Invariant: the source is read by exactly one SELECT under one snapshot that
 * was taken after the settle check and after the locks of what is read; every
 * file, total and manifest of the build comes from the rows of that SELECT.
 */
#include "build/build.h"

#include "build/receiver.h"
#include "build/select.h"
#include "build/settle.h"
#include "build/watermark.h"
#include "build/window.h"
#include "core/row.h"
#include "core/statement.h"
#include "file/digest.h"
#include "file/store.h"
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

/* Progress counters the server leaves free; rde_progress reads them. */
#define PROGRESS_REPORT_HIGH	18
#define PROGRESS_REPORT_LOW		19

/* A report being built: its row, its chain of sinks, what its format wrote. */
typedef struct Output
{
	RdeReport  *report;
	RdeSink    *store;
	RdeSink    *digest;
} Output;

static void
start_output(const RdeHome *home, RdePass *pass, Output *output,
			 RdeFormatContext *context)
{
	RdeReport  *report = output->report;
	size_t		len;

	output->store = rde_sink_store_create(home, &report->id);
	output->digest = rde_sink_digest_create(output->store);
	context->format = report->format;
	context->options = &report->options;
	context->columns = pass->query->columns;
	context->ncolumns = pass->query->ncolumns;
	context->report_name = rde_text_to_utf8(report->name,
											strlen(report->name), &len);
	context->dataset = report->dataset;
	context->view = rde_text_to_utf8(report->view, strlen(report->view),
									 &len);
	context->has_reseller = report->has_reseller;
	context->reseller = report->reseller;
	context->invoice = report->invoice ?
		rde_text_to_utf8(report->invoice, strlen(report->invoice), &len) :
		NULL;
	context->period_from = report->period_from;
	context->period_to = report->period_to;
	context->dated = report->invoice ? report->due_at : report->period_to;
	context->zone = report->zone;
	context->sink = report->compressed ?
		rde_sink_gzip_create(output->digest) : output->digest;
	rde_buffer_init(&context->buffer, context->sink);
}

static void
finish_output(const RdeHome *home, RdePass *pass, Output *output,
			  RdeFormatContext *context, bool provisional, double build_ms)
{
	RdeManifest manifest = {0};

	manifest.provisional = provisional;
	manifest.build_ms = build_ms;
	manifest.rows = pass->rows;
	manifest.content_bytes = context->sink->bytes;
	manifest.file_bytes = output->store->bytes;
	manifest.sha256 = rde_sink_digest_result(output->digest);
	manifest.replaced_characters = context->replaced_characters +
		rde_columns_replaced(context->columns, context->ncolumns);
	manifest.text_numbers = context->text_numbers;
	manifest.totals = pass->totals;
	manifest.columns = context->columns;
	manifest.ncolumns = context->ncolumns;
	rde_report_finish(home, output->report, &manifest);
}

static void
show_progress(const RdePass *pass, const pg_uuid_t *id)
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
}

/* The formats of the reports being built, as a text[]. */
static ArrayType *
output_formats(const Output *outputs, int count)
{
	Datum	   *names = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		names[i] = CStringGetTextDatum(outputs[i].report->format->name);
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
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
	Output	   *outputs;
	int			count;
	const RdeReport *first;		/* what is asked of all is asked of it */
	ArrayType  *formats;
	RdeWindow  *window;			/* or NULL */
	RdePass    *pass;
	RdeSelect  *select;
	TimestampTz horizon;		/* what ended before it has settled */
} Build;

/* Whatever is waited for is waited for here: rows of ours, then the source. */
static void
lock_and_plan(Build *build, const pg_uuid_t *ids)
{
	for (int i = 0; i < build->count; i++)
		build->outputs[i].report = rde_report_begin(build->home, &ids[i],
													build->context);
	build->first = build->outputs[0].report;
	build->formats = output_formats(build->outputs, build->count);
	if (build->first->snapshot_window)
	{
		rde_failure_phase(RDE_PHASE_WINDOW);
		build->window = rde_window_lock(build->home, build->first,
										build->formats, build->context);
		rde_failure_phase(RDE_PHASE_OTHER);
	}

	/* what is read is locked under one snapshot, and read by the next */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (build->window)
		rde_window_end(build->home, build->window, build->context);
	MemoryContextSwitchTo(build->context);
	rde_failure_phase(RDE_PHASE_SOURCE);
	build->pass->query = rde_dataset_query(build->home, build->first,
										   build->window);
	rde_failure_phase(RDE_PHASE_OTHER);
	rde_dataset_check_columns(build->pass->query);
	rde_failure_phase(RDE_PHASE_SOURCE);
	if (build->pass->query->from_elsewhere)
		build->horizon = Min(build->horizon,
							 rde_watermark_arrived(build->home,
												   build->first->dataset));
	build->select = rde_select_plan(build->pass->query,
									build->first->time_zone);
	rde_failure_phase(RDE_PHASE_OTHER);
	PopActiveSnapshot();
}

/* Run the SELECT under a snapshot of its own, the only one it is run by. */
static void
run(Build *build, int64 max_rows)
{
	RdePass    *pass = build->pass;
	ErrorContextCallback callback;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (build->window)
		rde_window_end(build->home, build->window, build->context);
	MemoryContextSwitchTo(build->context);
	pass->dataset = build->first->dataset;
	pass->zone = build->first->zone;
	pass->noutputs = build->count;
	pass->max_rows = max_rows;
	pass->outputs = palloc0(sizeof(RdeFormatContext) * build->count);
	if (pass->query->amount >= 0)
		pass->totals = rde_totals_create();
	for (int i = 0; i < build->count; i++)
		start_output(build->home, pass, &build->outputs[i],
					 &pass->outputs[i]);

	show_progress(pass, &build->first->id);
	callback.callback = rde_pass_error_context;
	callback.arg = pass;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	rde_failure_phase(RDE_PHASE_SOURCE);
	rde_select_run(build->select, build->window, build->first->time_zone,
				   rde_receiver_create(pass));
	rde_failure_phase(RDE_PHASE_OTHER);
	error_context_stack = callback.previous;
	rde_select_check(build->home, build->select);
	PopActiveSnapshot();
}

/* End the files, and publish them with what the build found out. */
static void
publish(Build *build, instr_time started)
{
	RdePass    *pass = build->pass;
	bool		provisional = is_provisional(build->first, pass->rows,
											 build->horizon);
	instr_time	elapsed;

	for (int i = 0; i < build->count; i++)
	{
		RdeFormatContext *output = &pass->outputs[i];

		output->format->end(output);
		rde_buffer_drain(&output->buffer);
		rde_sink_finish(output->sink);
	}
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, started);
	for (int i = 0; i < build->count; i++)
		finish_output(build->home, pass, &build->outputs[i],
					  &pass->outputs[i], provisional,
					  INSTR_TIME_GET_MILLISEC(elapsed));
	if (build->window)
		rde_window_save(build->home, build->first, build->formats,
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
	Build		build = {.home = home,.context = context,.count = count,
		.horizon = horizon
	};
	instr_time	started;
	int64		rows;

	INSTR_TIME_SET_CURRENT(started);
	rde_failure_phase(RDE_PHASE_OTHER);
	build.outputs = palloc0(sizeof(Output) * count);
	build.pass = palloc0(sizeof(RdePass));
	rde_connect();
	lock_and_plan(&build, ids);
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
