/*
 * export.c
 *	  The build: identity, pinned settings, snapshot, receiver, sinks, finish.
 *
 * Invariant: the source is read by exactly one SELECT under one snapshot that
 * was taken after the settle check and after the locks of what is read; every
 * file, total and manifest of the build comes from the rows of that SELECT.
 */
#include "export.h"

#include "access.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "receiver.h"
#include "select.h"
#include "settle.h"
#include "sink_digest.h"
#include "sink_store.h"
#include "snapshot.h"
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

/* What the build was about when it failed, for whoever catches the error. */
static enum
{
	BUILD_OTHER,
	BUILD_WINDOW,
	BUILD_SOURCE
}			phase;

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
	manifest.replaced_characters = context->replaced_characters;
	manifest.text_numbers = context->text_numbers;
	manifest.totals = pass->totals;
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

int64
rde_export_build(const RdeHome *home, const pg_uuid_t *ids, int count,
				 TimestampTz horizon, int64 max_rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "rde export",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Output	   *outputs = palloc0(sizeof(Output) * count);
	RdePass    *pass = palloc0(sizeof(RdePass));
	RdeWindow  *window = NULL;
	RdeSelect  *select;
	ErrorContextCallback callback;
	instr_time	started;
	instr_time	elapsed;
	const RdeReport *first;
	ArrayType  *formats;
	int64		rows;

	INSTR_TIME_SET_CURRENT(started);
	phase = BUILD_OTHER;
	rde_connect();
	for (int i = 0; i < count; i++)
		outputs[i].report = rde_report_begin(home, &ids[i], context);
	first = outputs[0].report;
	formats = output_formats(outputs, count);
	if (first->snapshot_window)
	{
		phase = BUILD_WINDOW;
		window = rde_window_lock(home, first, formats, context);
		phase = BUILD_OTHER;
	}

	/* what is read is locked under one snapshot ... */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (window)
		rde_window_end(home, window, context);
	MemoryContextSwitchTo(context);
	phase = BUILD_SOURCE;
	pass->query = rde_dataset_query(home, first, window);
	phase = BUILD_OTHER;
	rde_dataset_check_columns(pass->query);
	phase = BUILD_SOURCE;
	select = rde_select_plan(pass->query, first->time_zone);
	phase = BUILD_OTHER;
	PopActiveSnapshot();

	/* ... and read by the next, the only one the source is read by */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (window)
		rde_window_end(home, window, context);
	MemoryContextSwitchTo(context);
	pass->dataset = first->dataset;
	pass->zone = first->zone;
	pass->noutputs = count;
	pass->max_rows = max_rows;
	pass->outputs = palloc0(sizeof(RdeFormatContext) * count);
	if (pass->query->amount >= 0)
		pass->totals = rde_totals_create();
	for (int i = 0; i < count; i++)
		start_output(home, pass, &outputs[i], &pass->outputs[i]);

	show_progress(pass, &first->id);
	callback.callback = rde_pass_error_context;
	callback.arg = pass;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	phase = BUILD_SOURCE;
	rde_select_run(select, window, first->time_zone,
				   rde_receiver_create(pass));
	phase = BUILD_OTHER;
	error_context_stack = callback.previous;
	rde_select_check(home, select);
	PopActiveSnapshot();

	for (int i = 0; i < count; i++)
	{
		RdeFormatContext *output = &pass->outputs[i];

		output->format->end(output);
		rde_buffer_drain(&output->buffer);
		rde_sink_finish(output->sink);
	}
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, started);
	rows = pass->rows;
	for (int i = 0; i < count; i++)
		finish_output(home, pass, &outputs[i], &pass->outputs[i],
					  is_provisional(first, rows, horizon),
					  INSTR_TIME_GET_MILLISEC(elapsed));
	if (window)
		rde_window_save(home, first, formats, window);
	pgstat_progress_end_command();
	rde_query_close(pass->query);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return rows;
}

/*
 * By what the error says, too: a division by zero in a view is the fault of one
 * row, and a report of other days has nothing to do with it.
 */
bool
rde_export_source_failed(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (phase != BUILD_SOURCE)
		return false;
	return (category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
			error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT) ||
		category == ERRCODE_INVALID_SCHEMA_NAME ||
		category == ERRCODE_CONNECTION_EXCEPTION ||
		category == ERRCODE_FDW_ERROR ||
		category == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
}

bool
rde_export_blocked(void)
{
	return phase == BUILD_WINDOW;
}

bool
rde_export_foreign_error(const ErrorData *error)
{
	return phase == BUILD_SOURCE &&
		(error->domain == NULL || strcmp(error->domain, TEXTDOMAIN) != 0);
}

/* A tenant is told what is in rde's own words, the server's log the rest. */
static void
build_for_tenant(const RdeHome *home, const pg_uuid_t *id,
				 TimestampTz horizon, int64 max_rows)
{
	MemoryContext context = CurrentMemoryContext;
	int			guc_level = NewGUCNestLevel();

	/* what functions of the source have to say may be about others' rows */
	(void) set_config_option("client_min_messages", "error", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	PG_TRY();
	{
		rde_export_build(home, id, 1, horizon, max_rows);
		AtEOXact_GUC(true, guc_level);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!rde_export_foreign_error(error) ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
			ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		ereport(LOG_SERVER_ONLY,
				(errmsg("report %s could not be built: %s",
						rde_uuid_text(id), error->message)));
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("report could not be built (reference %s)",
						rde_uuid_text(id)),
				 errhint("The provider can find out why by the reference.")));
	}
	PG_END_TRY();
}

void
rde_export_now(const RdeHome *home, const pg_uuid_t *id, int64 max_rows)
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
		rde_export_build(home, id, 1, horizon, max_rows);
}

PG_FUNCTION_INFO_V1(rde_export);
PG_FUNCTION_INFO_V1(rde_submit);
PG_FUNCTION_INFO_V1(rde_build);
PG_FUNCTION_INFO_V1(rde_rebuild);

static const char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Arguments of rde_export() and rde_submit() → a submitted row. */
static pg_uuid_t
submit(FunctionCallInfo fcinfo, const RdeHome *home)
{
	RdeRequest	request = {0};
	pg_uuid_t	id;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("from and to must not be null"),
				 errhint("from is the first day and to the last day, both included.")));
	request.dataset = text_argument(fcinfo, 0);
	request.from = PG_GETARG_DATEADT(1);
	request.to = PG_GETARG_DATEADT(2);
	request.format = text_argument(fcinfo, 3);
	request.view = text_argument(fcinfo, 4);
	request.has_reseller = !PG_ARGISNULL(5);
	request.reseller = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.name = text_argument(fcinfo, 6);
	request.time_zone = text_argument(fcinfo, 7);
	request.options = PG_ARGISNULL(8) ? NULL : PG_GETARG_JSONB_P(8);
	request.type = "onetime";
	rde_own_reseller(home, &request.has_reseller, &request.reseller);

	rde_connect();
	id = rde_report_submit(home, &request);
	SPI_finish();
	return id;
}

static Datum
uuid_datum(const pg_uuid_t *id)
{
	pg_uuid_t  *copy = palloc(sizeof(pg_uuid_t));

	*copy = *id;
	return UUIDPGetDatum(copy);
}

static pg_uuid_t
report_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("report must not be null")));
	return *PG_GETARG_UUID_P(0);
}

/*
 * rde_export(dataset, "from", "to", format, view, reseller, name, time_zone,
 * options) → uuid.  Submits and builds in the caller's transaction; raises what
 * rde_report_submit() and rde_export_build() raise.
 */
Datum
rde_export(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t	id = submit(fcinfo, home);

	rde_export_now(home, &id, -1);
	return uuid_datum(&id);
}

/* rde_submit(the same) → uuid of a report that rde_build() will make */
Datum
rde_submit(PG_FUNCTION_ARGS)
{
	pg_uuid_t	id = submit(fcinfo, rde_home(fcinfo));

	return uuid_datum(&id);
}

/* Errors that say nothing about the report: the build can simply run again. */
static bool
is_transient(const ErrorData *error)
{
	return error->elevel >= FATAL ||
		error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
		ERRCODE_TRANSACTION_ROLLBACK ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
		ERRCODE_OPERATOR_INTERVENTION;
}

/* May this report be built at all?  Raises what rde_report_lock() raises. */
static void
check_submitted(const RdeHome *home, const pg_uuid_t *id)
{
	rde_report_require_primary();
	rde_connect();
	rde_report_check_visible(home, id);
	rde_report_lock(home, id);
	SPI_finish();
}

void
rde_export_record_failure(const RdeHome *home, const pg_uuid_t *id,
						  const ErrorData *error, const char *kind)
{
	rde_connect();
	rde_report_fail(home, id, error, kind);
	SPI_finish();
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("report %s could not be built: %s", rde_uuid_text(id),
					error->message),
			 error->detail ? errdetail("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0));
}

/*
 * rde_build(report) → uuid.  A failure is recorded on the row, outside the
 * subtransaction it undid, and raised as a warning only: rethrown, it would
 * undo the record as well.
 */
Datum
rde_build(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t	id = report_argument(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	check_submitted(home, &id);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		rde_export_now(home, &id, -1);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (is_transient(error))
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		rde_export_record_failure(home, &id, error, "final");
	}
	PG_END_TRY();
	return uuid_datum(&id);
}

/* rde_rebuild(report) → uuid of the next revision, built here and now */
Datum
rde_rebuild(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t	id = report_argument(fcinfo);
	pg_uuid_t	next;

	rde_report_require_primary();
	rde_connect();
	rde_report_check_visible(home, &id);
	next = rde_report_submit_revision(home, &id);
	SPI_finish();
	rde_export_now(home, &next, -1);
	return uuid_datum(&next);
}
