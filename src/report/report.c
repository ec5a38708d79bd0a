/*
 * report.c
 *	  The life of a report row: revise, lock, begin, finish, fail.
 *
 * Invariant: a report becomes visible as completed only in rde_report_finish(),
 * together with its manifest and its chunks.
 */
#include "report/missing.h"
#include "report/report.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "core/calendar.h"
#include "core/row.h"
#include "core/statement.h"
#include "format/described.h"
#include "format/options.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
#include "who/who.h"

static const RdeStatement lock_for_revision = {
	.sql = "SELECT status, snapshot_window FROM %s._rde_report"
	" WHERE id = $1 FOR UPDATE",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static const RdeStatement find_revision = {
	.sql = "SELECT id FROM %s._rde_report"
	" WHERE supersedes = $1 AND status <> 'error'",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static const RdeStatement check_quota = {
	.sql = "SELECT %s._rde_check_quota(reseller, period_from, period_to, 1)"
	" FROM %s._rde_report WHERE id = $1",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

static const RdeStatement submit_revision = {
	.sql = "SELECT %s._rde_submit_revision($1, false)",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

pg_uuid_t
rde_report_submit_revision(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};
	RdeRow		row;
	char	   *status;

	rde_execute(home, &lock_for_revision, values, NULL);
	if (SPI_processed == 0)
		rde_report_missing(id);
	row = rde_row(0);
	status = rde_row_text(row, 1);
	if (strcmp(status, "completed") != 0)
		rde_report_not_completed(id, status);
	if (rde_row_bool(row, 2))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("report %s covers a snapshot window and cannot be built again",
						rde_uuid_text(id)),
				 errdetail("Rows that changed since then belong to a later window."),
				 errhint("rde_run_generator() makes a report of chosen days.")));
	rde_execute(home, &find_revision, values, NULL);
	if (SPI_processed > 0)
	{
		pg_uuid_t	next = rde_row_uuid(rde_row(0), 1);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("report %s already has a next revision, %s",
						rde_uuid_text(id), rde_uuid_text(&next)),
				 errhint("Rebuild that one.")));
	}
	if (rde_who(home).rank == RDE_TENANT)
		rde_execute(home, &check_quota, values, NULL);
	rde_execute(home, &submit_revision, values, NULL);
	return rde_row_uuid(rde_row(0), 1);
}

static const RdeStatement read_status = {
	.sql = "SELECT status FROM %s._rde_report WHERE id = $1",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

/* Raise what explains why a report could not be locked as submitted. */
static void
explain_not_begun(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};
	char	   *status;

	rde_execute(home, &read_status, values, NULL);
	if (SPI_processed == 0)
		rde_report_missing(id);
	status = rde_row_text(rde_row(0), 1);
	if (strcmp(status, "submitted") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("report %s is being built by another session",
						rde_uuid_text(id)),
				 errhint("The view rde_progress shows how far it is.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("report %s is not submitted but \"%s\"",
					rde_uuid_text(id), status),
			 strcmp(status, "completed") == 0 ?
			 errhint("Use rde_rebuild() for its next revision.") :
			 errhint("Use rde_retry_report() to submit it again.")));
}

static const RdeStatement lock_submitted = {
	.sql = "SELECT snapshot_window FROM %s._rde_report WHERE id = $1"
	" AND status = 'submitted' FOR UPDATE SKIP LOCKED",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

void
rde_report_lock(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};

	rde_execute(home, &lock_submitted, values, NULL);
	if (SPI_processed == 0)
		explain_not_begun(home, id);
	if (rde_row_bool(rde_row(0), 1))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("report %s covers a snapshot window, which only rde_run_due builds",
						rde_uuid_text(id)),
				 errdetail("Its rows are those that became visible since the generator's last window."),
				 errhint("CALL rde_run_due().")));
}

static const RdeStatement read_report = {
	.sql = "SELECT name, dataset, view, format, reseller, period_from,"
	" period_to, time_zone, options, invoice, snapshot_window, generator,"
	" due_at, CASE WHEN invoice IS NOT NULL THEN ARRAY[invoice_reseller]"
	" WHEN reseller IS NOT NULL"
	" THEN %s._rde_scope_resellers(reseller, options ->> 'scope') END"
	" FROM %s._rde_report WHERE id = $1",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

enum
{
	REPORT_NAME = 1, REPORT_DATASET, REPORT_VIEW, REPORT_FORMAT,
	REPORT_RESELLER, REPORT_FROM, REPORT_TO, REPORT_ZONE, REPORT_OPTIONS,
	REPORT_INVOICE, REPORT_SNAPSHOT_WINDOW, REPORT_GENERATOR, REPORT_DUE,
	REPORT_RESELLERS
};

/* A row of read_report, in the current context. */
static RdeReport *
report_of(RdeRow row, const pg_uuid_t *id)
{
	RdeReport  *report = palloc0(sizeof(RdeReport));

	report->id = *id;
	report->name = rde_row_text(row, REPORT_NAME);
	report->dataset = rde_row_text(row, REPORT_DATASET);
	report->view = rde_row_text(row, REPORT_VIEW);
	report->format = rde_format_find(rde_row_text(row, REPORT_FORMAT));
	report->has_reseller = !rde_row_is_null(row, REPORT_RESELLER);
	if (report->has_reseller)
		report->reseller = rde_row_int64(row, REPORT_RESELLER);
	if (!rde_row_is_null(row, REPORT_FROM))
	{
		report->period_from = rde_row_instant(row, REPORT_FROM);
		report->period_to = rde_row_instant(row, REPORT_TO);
	}
	report->time_zone = rde_row_text(row, REPORT_ZONE);
	report->zone = rde_zone(report->time_zone);
	rde_options_parse(DatumGetJsonbP(rde_row_datum(row, REPORT_OPTIONS)),
					  &report->options);
	report->compressed = report->format->compressible &&
		report->options.compress;
	report->invoice = rde_row_text_or_null(row, REPORT_INVOICE);
	report->snapshot_window = rde_row_bool(row, REPORT_SNAPSHOT_WINDOW);
	if (!rde_row_is_null(row, REPORT_GENERATOR))
		report->generator = rde_row_uuid(row, REPORT_GENERATOR);
	report->due_at = rde_row_instant(row, REPORT_DUE);
	report->all_resellers = rde_row_is_null(row, REPORT_RESELLERS);
	if (!report->all_resellers)
		report->resellers = DatumGetArrayTypeP(rde_row_copy(row,
															REPORT_RESELLERS));
	return report;
}

RdeReport *
rde_report_begin(const RdeHome *home, const pg_uuid_t *id,
				 MemoryContext context)
{
	Datum		values[] = {UUIDPGetDatum(id)};
	RdeReport  *report;
	MemoryContext old;

	rde_execute(home, &read_report, values, NULL);
	if (SPI_processed == 0)
		rde_report_missing(id);
	old = MemoryContextSwitchTo(context);
	report = report_of(rde_row(0), id);
	MemoryContextSwitchTo(old);
	return report;
}

/* <name>.<uuid>.<yyyy-MM-dd>.<HH-mm-ss.SSS><+hhmm>.<ext>, in the report's zone */
static const char *
file_name(const RdeReport *report, TimestampTz created)
{
	StringInfoData name;
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (timestamp2tm(created, &offset, &tm, &fsec, NULL, report->zone) != 0)
		elog(ERROR, "clock out of range");
	initStringInfo(&name);
	for (const char *c = report->name; *c; c++)
	{
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789._-", *c) != NULL)
			appendStringInfoChar(&name, *c);
		else
		{
			/* one underscore for a character, however many bytes it has */
			appendStringInfoChar(&name, '_');
			c += pg_mblen(c) - 1;
		}
	}
	offset = -offset / SECS_PER_MINUTE; /* PostgreSQL counts west of UTC */
	appendStringInfo(&name,
					 ".%s.%04d-%02d-%02d.%02d-%02d-%02d.%03d%c%02d%02d.%s%s",
					 rde_uuid_text(&report->id),
					 tm.tm_year, tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec, fsec / 1000,
					 offset < 0 ? '-' : '+', abs(offset) / 60,
					 abs(offset) % 60,
					 report->format->extension,
					 report->compressed ? ".gz" : "");
	return name.data;
}

static const RdeStatement insert_total = {
	.sql = "INSERT INTO %s._rde_report_total (report, currency, rows, amount)"
	" VALUES ($1, $2, $3, $4)",
	.types = {UUIDOID, TEXTOID, INT8OID, NUMERICOID},
	.expected = SPI_OK_INSERT
};

static void
insert_totals(const RdeHome *home, const RdeReport *report,
			  const RdeTotals *totals)
{
	for (int i = 0; i < totals->count; i++)
	{
		const RdeTotal *total = &totals->entries[i];
		Datum		values[] = {
			UUIDPGetDatum(&report->id),
			CStringGetTextDatum(total->currency),
			Int64GetDatum(total->rows),
			NumericGetDatum(total->amount.value)
		};

		rde_execute(home, &insert_total, values,
					total->amount.any ? NULL : "   n");
	}
}

static const RdeStatement publish = {
	.sql = "UPDATE %s._rde_report SET status = 'completed',"
	" attempts = attempts + 1,"
	" published_at = $2, expires_at = $2 + retention,"
	" provisional = $3, build_ms = $4, row_count = $5,"
	" content_bytes = $6, file_bytes = $7, sha256 = $8,"
	" replaced_characters = $9, text_numbers = $10,"
	" file_name = $11, media_type = $12, store = $13, columns = $15,"
	" published_xid = pg_catalog.pg_current_xact_id(),"
	" system_identifier = $14,"
	" sqlstate = NULL, error = NULL, foreign_error = false,"
	" failed_at = NULL, retry_at = NULL,"
	" claim_pid = NULL, claim_start = NULL, claimed_at = NULL"
	" WHERE id = $1",
	.types = {UUIDOID, TIMESTAMPTZOID, BOOLOID, FLOAT8OID, INT8OID, INT8OID,
		INT8OID, BYTEAOID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID,
	INT8OID, JSONBOID},
	.expected = SPI_OK_UPDATE
};

void
rde_report_finish(const RdeHome *home, const RdeReport *report,
				  const RdeManifest *manifest)
{
	Datum		values[15];
	bytea	   *sha256 = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	TimestampTz created;

	if (manifest->totals)
		insert_totals(home, report, manifest->totals);

	SET_VARSIZE(sha256, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	memcpy(VARDATA(sha256), manifest->sha256, PG_SHA256_DIGEST_LENGTH);
	created = GetCurrentTimestamp();
	values[0] = UUIDPGetDatum(&report->id);
	values[1] = TimestampTzGetDatum(created);
	values[2] = BoolGetDatum(manifest->provisional);
	values[3] = Float8GetDatum(manifest->build_ms);
	values[4] = Int64GetDatum(manifest->rows);
	values[5] = Int64GetDatum(manifest->content_bytes);
	values[6] = Int64GetDatum(manifest->file_bytes);
	values[7] = PointerGetDatum(sha256);
	values[8] = Int64GetDatum(manifest->replaced_characters);
	values[9] = Int64GetDatum(manifest->text_numbers);
	values[10] = CStringGetTextDatum(file_name(report, created));
	values[11] = CStringGetTextDatum(report->compressed ? "application/gzip" :
									 report->format->media_type);
	values[12] = CStringGetTextDatum(RDE_STORE_LOCAL);
	values[13] = Int64GetDatum((int64) GetSystemIdentifier());
	values[14] = rde_columns_json(manifest->columns, manifest->ncolumns);
	rde_execute(home, &publish, values, NULL);
	if (SPI_processed != 1)
		elog(ERROR, "report %s vanished while it was built",
			 rde_uuid_text(&report->id));
}

static const RdeStatement fail = {
	.sql = "SELECT %s._rde_fail($1, $2, $3, $4, $5)",
	.types = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID},
	.expected = SPI_OK_SELECT
};

void
rde_report_fail(const RdeHome *home, const pg_uuid_t *id,
				const ErrorData *error, const char *kind, bool foreign)
{
	StringInfoData text;
	Datum		values[5];

	initStringInfo(&text);
	appendStringInfoString(&text, error->message);
	if (error->detail)
		appendStringInfo(&text, "; %s", error->detail);
	if (error->hint)
		appendStringInfo(&text, "; %s", error->hint);
	if (error->context)
		appendStringInfo(&text, "; %s", error->context);
	values[0] = UUIDPGetDatum(id);
	values[1] = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
	values[2] = CStringGetTextDatum(text.data);
	values[3] = CStringGetTextDatum(kind);
	values[4] = BoolGetDatum(foreign);
	rde_execute(home, &fail, values, NULL);
}
