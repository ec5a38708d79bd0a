/*
 * report.c
 *	  The life of a report row: revise, lock, begin, finish, fail.
 *
 * Invariant: a report becomes visible as completed only in rde_reports_finish(),
 * together with its manifest and its chunks.
 */
#include "report/missing.h"
#include "report/report.h"

#include "access/toast_internals.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "core/calendar.h"
#include "core/row.h"
#include "core/settings.h"
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
				 err_generic_string(PG_DIAG_COLUMN_NAME, "status"),
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
				 err_generic_string(PG_DIAG_COLUMN_NAME, "status"),
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

static const RdeStatement read_reports = {
	.sql = "SELECT name, dataset, view, format, reseller, period_from,"
	" period_to, time_zone, options, invoice, snapshot_window, generator,"
	" due_at, CASE WHEN invoice IS NOT NULL THEN ARRAY[invoice_reseller]"
	" WHEN reseller IS NOT NULL"
	" THEN %s._rde_scope_resellers(reseller, options ->> 'scope') END,"
	" EXISTS (SELECT FROM %s._rde_view v WHERE v.dataset = r.dataset"
	" AND v.name = r.view AND v.reseller = r.reseller), id"
	" FROM %s._rde_report r WHERE id = ANY ($1) ORDER BY reseller, id",
	.types = {UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

enum
{
	REPORT_NAME = 1, REPORT_DATASET, REPORT_VIEW, REPORT_FORMAT,
	REPORT_RESELLER, REPORT_FROM, REPORT_TO, REPORT_ZONE, REPORT_OPTIONS,
	REPORT_INVOICE, REPORT_SNAPSHOT_WINDOW, REPORT_GENERATOR, REPORT_DUE,
	REPORT_RESELLERS, REPORT_OWN_VIEW, REPORT_ID
};

/* A row of read_reports, in the current context. */
static RdeReport *
report_of(RdeRow row)
{
	RdeReport  *report = palloc0(sizeof(RdeReport));

	report->id = rde_row_uuid(row, REPORT_ID);
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
	report->asked = DatumGetJsonbP(rde_row_copy(row, REPORT_OPTIONS));
	rde_options_parse(report->asked, &report->options);
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
	report->own_view = rde_row_bool(row, REPORT_OWN_VIEW);
	return report;
}

/* One of the reports asked for is none of those found. */
static void
report_gone(RdeReport *const *found, int nfound, const pg_uuid_t *ids,
			int count)
{
	for (int i = 0; i < count; i++)
	{
		bool		there = false;

		for (int j = 0; j < nfound; j++)
			there = there || memcmp(&found[j]->id, &ids[i],
									sizeof(pg_uuid_t)) == 0;
		if (!there)
			rde_report_missing(&ids[i]);
	}
}

RdeReport **
rde_reports_begin(const RdeHome *home, const pg_uuid_t *ids, int count,
				  MemoryContext context)
{
	Datum		values[] = {rde_uuid_array(ids, count)};
	RdeReport **reports;
	MemoryContext old;
	int			found;

	rde_execute(home, &read_reports, values, NULL);
	found = SPI_processed;
	old = MemoryContextSwitchTo(context);
	reports = palloc(sizeof(RdeReport *) * count);
	for (int i = 0; i < found; i++)
		reports[i] = report_of(rde_row(i));
	MemoryContextSwitchTo(old);
	if (found < count)
		report_gone(reports, found, ids, count);
	return reports;
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

static const RdeStatement insert_totals = {
	.sql = "INSERT INTO %s._rde_report_total (report, currency, rows, amount)"
	" SELECT * FROM unnest($1, $2, $3, $4)",
	.types = {UUIDARRAYOID, TEXTARRAYOID, INT8ARRAYOID, NUMERICARRAYOID},
	.expected = SPI_OK_INSERT
};

static int
count_totals(const RdeManifest *manifests, int count)
{
	int			total = 0;

	for (int i = 0; i < count; i++)
		total += manifests[i].totals ? manifests[i].totals->count : 0;
	return total;
}

static void
keep_totals(const RdeHome *home, RdeReport *const *reports,
			const RdeManifest *manifests, int count)
{
	int			room = count_totals(manifests, count);
	Datum	   *columns[4];
	bool	   *nulls = palloc(sizeof(bool) * room);
	Datum		values[4];
	int			n = 0;

	if (room == 0)
		return;
	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * room);
	for (int i = 0; i < count; i++)
		for (int j = 0; j < manifests[i].totals->count; j++, n++)
		{
			RdeTotal   *total = &manifests[i].totals->entries[j];

			columns[0][n] = UUIDPGetDatum(&reports[i]->id);
			columns[1][n] = CStringGetTextDatum(total->currency);
			columns[2][n] = Int64GetDatum(total->rows);
			columns[3][n] = NumericGetDatum(rde_sum_value(&total->amount));
			nulls[n] = !total->amount.any;
		}
	values[0] = rde_array(columns[0], NULL, n, UUIDOID);
	values[1] = rde_array(columns[1], NULL, n, TEXTOID);
	values[2] = rde_array(columns[2], NULL, n, INT8OID);
	values[3] = rde_array(columns[3], nulls, n, NUMERICOID);
	rde_execute(home, &insert_totals, values, NULL);
}

/* So many fit into what one NOTIFY may say. */
#define MOST_NOTIFIED	"80"

/* Once for all reports that are published together. */
static const RdeStatement notify = {
	.sql = "SELECT pg_catalog.pg_notify('rde_report', jsonb_build_object("
	"'reports', (SELECT jsonb_agg(jsonb_build_object('id', r.id, 'reseller', r.reseller))"
	" FROM (SELECT r.id, r.reseller FROM %s._rde_report r"
	" WHERE r.id = ANY ($1) ORDER BY r.id LIMIT " MOST_NOTIFIED ") r),"
	" 'more', cardinality($1) > " MOST_NOTIFIED ")::text)",
	.types = {UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

/* What is the same for all of them is behind what is not. */
static const RdeStatement publish = {
	.sql = "UPDATE %s._rde_report r SET status = 'completed',"
	" attempts = r.attempts + 1,"
	" row_count = m.row_count, content_bytes = m.content_bytes,"
	" file_bytes = m.file_bytes, sha256 = m.sha256,"
	" replaced_characters = m.replaced, text_numbers = m.text_numbers,"
	" file_name = m.file_name, media_type = m.media_type,"
	" published_at = $10, expires_at = $10 + r.retention,"
	" provisional = $11, build_ms = $12, store = $13,"
	" system_identifier = $14, columns = $15, conditions = $16,"
	" published_xid = pg_catalog.pg_current_xact_id(),"
	" sqlstate = NULL, error = NULL, foreign_error = false,"
	" failed_at = NULL, retry_at = NULL,"
	" claim_pid = NULL, claim_start = NULL, claimed_at = NULL"
	" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)"
	" AS m(id, row_count, content_bytes, file_bytes, sha256, replaced,"
	" text_numbers, file_name, media_type)"
	" WHERE r.id = m.id",
	.types = {UUIDARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
		BYTEAARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID,
		TEXTARRAYOID, TIMESTAMPTZOID, BOOLOID, FLOAT8OID, TEXTOID, INT8OID,
	JSONBOID, JSONBOID},
	.expected = SPI_OK_UPDATE
};

#define PUBLISH_ARRAYS	9

/* A value as it will be stored in many rows, which would compress it each. */
static Datum
compressed(Datum value)
{
	Datum		smaller = toast_compress_datum(value,
											   default_toast_compression);

	return DatumGetPointer(smaller) ? smaller : value;
}

/* What the manifest of one report says, in the order of the arrays. */
static void
manifest_values(const RdeReport *report, const RdeManifest *manifest,
				TimestampTz created, Datum *values)
{
	bytea	   *sha256 = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);

	SET_VARSIZE(sha256, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	memcpy(VARDATA(sha256), manifest->sha256, PG_SHA256_DIGEST_LENGTH);
	values[0] = UUIDPGetDatum(&report->id);
	values[1] = Int64GetDatum(manifest->rows);
	values[2] = Int64GetDatum(manifest->content_bytes);
	values[3] = Int64GetDatum(manifest->file_bytes);
	values[4] = PointerGetDatum(sha256);
	values[5] = Int64GetDatum(manifest->replaced_characters);
	values[6] = Int64GetDatum(manifest->text_numbers);
	values[7] = CStringGetTextDatum(file_name(report, created));
	values[8] = CStringGetTextDatum(report->compressed ? "application/gzip" :
									report->format->media_type);
}

void
rde_reports_finish(const RdeHome *home, RdeReport *const *reports,
				   const RdeManifest *manifests, int count,
				   const RdeBuilt *built)
{
	static const Oid types[PUBLISH_ARRAYS] = {
		UUIDOID, INT8OID, INT8OID, INT8OID, BYTEAOID, INT8OID, INT8OID,
		TEXTOID, TEXTOID
	};
	TimestampTz created = GetCurrentTimestamp();
	Datum	   *columns[PUBLISH_ARRAYS];
	Datum		values[PUBLISH_ARRAYS + 7];

	keep_totals(home, reports, manifests, count);
	for (int i = 0; i < PUBLISH_ARRAYS; i++)
		columns[i] = palloc(sizeof(Datum) * count);
	for (int n = 0; n < count; n++)
	{
		manifest_values(reports[n], &manifests[n], created, values);
		for (int i = 0; i < PUBLISH_ARRAYS; i++)
			columns[i][n] = values[i];
	}
	for (int i = 0; i < PUBLISH_ARRAYS; i++)
		values[i] = rde_array(columns[i], NULL, count, types[i]);
	values[9] = TimestampTzGetDatum(created);
	values[10] = BoolGetDatum(built->provisional);
	values[11] = Float8GetDatum(built->build_ms);
	values[12] = CStringGetTextDatum(RDE_STORE_LOCAL);
	values[13] = Int64GetDatum((int64) GetSystemIdentifier());
	values[14] = compressed(rde_columns_json(built->columns,
											 built->ncolumns));
	values[15] = DirectFunctionCall1(jsonb_in,
									 CStringGetDatum(built->conditions));
	rde_execute(home, &publish, values, NULL);
	if (SPI_processed != count)
		elog(ERROR, "%d reports were built and " UINT64_FORMAT " are left",
			 count, SPI_processed);
	if (rde_setting_notify)
		rde_execute(home, &notify, values, NULL);
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
