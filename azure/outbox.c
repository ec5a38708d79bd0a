/*
 * outbox.c
 *	  Which reports are to be uploaded, and which blobs moved or deleted.
 *
 * Invariant: a blob's name is committed before the blob can be there, and its
 * row goes after the blob; so no blob is ever forgotten.
 */
#include "outbox.h"

#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static const RdeStatement check_caller = {
	.sql = "SELECT %s._rde_azure_check_caller()",
	.expected = SPI_OK_SELECT
};

void
azure_outbox_check_caller(const RdeHome *home)
{
	rde_execute(home, &check_caller, NULL, NULL);
}

static const RdeStatement check_cluster = {
	.sql = "SELECT %s._rde_azure_check_cluster()",
	.expected = SPI_OK_SELECT
};

void
azure_outbox_check_cluster(const RdeHome *home)
{
	rde_execute(home, &check_cluster, NULL, NULL);
}

static const RdeStatement fill = {
	.sql = "SELECT %s._rde_azure_fill($1)",
	.types = {NAMEOID},
	.expected = SPI_OK_SELECT
};

void
azure_outbox_fill(const RdeHome *home, const char *server)
{
	Datum		values[] = {
		DirectFunctionCall1(namein, CStringGetDatum(server))
	};

	rde_execute(home, &fill, values, NULL);
}

static const RdeStatement claim = {
	.sql = "SELECT id, kind, attempts, expired, server, blob, new_blob,"
	" name, file_name, media_type, sha256, reseller, month, bytes,"
	" link_number FROM %s._rde_azure_claim($1, $2)",
	.types = {INT4OID, TIMESTAMPTZOID},
	.expected = SPI_OK_SELECT
};

enum
{
	JOB_ID = 1, JOB_KIND, JOB_ATTEMPTS, JOB_EXPIRED, JOB_SERVER, JOB_BLOB,
	JOB_NEW_BLOB, JOB_NAME, JOB_FILE_NAME, JOB_MEDIA_TYPE, JOB_SHA256,
	JOB_RESELLER, JOB_MONTH, JOB_BYTES, JOB_LINK_NUMBER
};

/* A claimed row, in the current context. */
static AzureJob *
job_of(RdeRow row)
{
	AzureJob   *job = palloc0(sizeof(AzureJob));
	const char *kind = rde_row_text(row, JOB_KIND);

	job->id = rde_row_uuid(row, JOB_ID);
	job->kind = strcmp(kind, "upload") == 0 ? AZURE_UPLOAD :
		strcmp(kind, "move") == 0 ? AZURE_MOVE : AZURE_DELETE;
	job->attempts = rde_row_int32(row, JOB_ATTEMPTS);
	job->expired = rde_row_bool(row, JOB_EXPIRED);
	job->server = rde_row_text(row, JOB_SERVER);
	job->blob = rde_row_text_or_null(row, JOB_BLOB);
	job->new_blob = rde_row_text_or_null(row, JOB_NEW_BLOB);
	job->name = rde_row_text_or_null(row, JOB_NAME);
	job->file_name = rde_row_text_or_null(row, JOB_FILE_NAME);
	job->media_type = rde_row_text_or_null(row, JOB_MEDIA_TYPE);
	job->sha256 = rde_row_text_or_null(row, JOB_SHA256);
	job->reseller = rde_row_text_or_null(row, JOB_RESELLER);
	job->month = rde_row_text_or_null(row, JOB_MONTH);
	job->bytes = rde_row_int64(row, JOB_BYTES);
	job->link_number = rde_row_int32(row, JOB_LINK_NUMBER);
	return job;
}

AzureJob *
azure_outbox_claim(const RdeHome *home, MemoryContext context)
{
	Datum		values[] = {
		Int32GetDatum(MyProcPid), TimestampTzGetDatum(MyStartTimestamp)
	};
	MemoryContext old;
	AzureJob   *job;

	rde_execute(home, &claim, values, NULL);
	if (SPI_processed == 0)
		return NULL;
	old = MemoryContextSwitchTo(context);
	job = job_of(rde_row(0));
	MemoryContextSwitchTo(old);
	return job;
}

static const RdeStatement save_names = {
	.sql = "UPDATE %s._rde_azure_upload SET blob = $2, new_blob = $3"
	" WHERE id = $1",
	.types = {UUIDOID, TEXTOID, TEXTOID},
	.expected = SPI_OK_UPDATE
};

void
azure_outbox_name(const RdeHome *home, const AzureJob *job)
{
	Datum		values[] = {
		UUIDPGetDatum(&job->id), CStringGetTextDatum(job->blob),
		job->new_blob ? CStringGetTextDatum(job->new_blob) : (Datum) 0
	};

	rde_execute(home, &save_names, values, job->new_blob ? NULL : "  n");
}

/* The one value that a statement finds, in `context`; 0 if it finds none. */
static Datum
find_value(const RdeHome *home, const RdeStatement *statement, Datum *values,
		   MemoryContext context)
{
	MemoryContext old;
	Datum		value;

	rde_execute(home, statement, values, NULL);
	if (SPI_processed == 0)
		return (Datum) 0;
	old = MemoryContextSwitchTo(context);
	value = rde_row_copy(rde_row(0), 1);
	MemoryContextSwitchTo(old);
	return value;
}

static const RdeStatement read_chunk = {
	.sql = "SELECT data FROM %s._rde_report_chunk"
	" WHERE report = $1 AND seq = $2",
	.types = {UUIDOID, INT4OID},
	.expected = SPI_OK_SELECT
};

bytea *
azure_outbox_chunk(const RdeHome *home, const AzureJob *job, int seq,
				   MemoryContext context)
{
	Datum		values[] = {UUIDPGetDatum(&job->id), Int32GetDatum(seq)};

	return (bytea *) DatumGetPointer(find_value(home, &read_chunk, values,
												context));
}

static const RdeStatement read_manifest = {
	.sql = "SELECT (%s._rde_manifest(r)::jsonb - 'expiresAt')::text"
	" FROM %s._rde_report r WHERE r.id = $1",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

text *
azure_outbox_manifest(const RdeHome *home, const AzureJob *job,
					  MemoryContext context)
{
	Datum		values[] = {UUIDPGetDatum(&job->id)};

	return (text *) DatumGetPointer(find_value(home, &read_manifest, values,
											   context));
}

static const RdeStatement find_report = {
	.sql = "SELECT FROM %s._rde_azure_upload"
	" WHERE id = $1 AND report IS NOT NULL",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

bool
azure_outbox_gone(const RdeHome *home, const AzureJob *job)
{
	Datum		values[] = {UUIDPGetDatum(&job->id)};

	rde_execute(home, &find_report, values, NULL);
	return SPI_processed == 0;
}

static const RdeStatement uploaded = {
	.sql = "SELECT %s._rde_azure_uploaded($1, $2, $3)",
	.types = {UUIDOID, INT4OID, BOOLOID},
	.expected = SPI_OK_SELECT
};

void
azure_outbox_uploaded(const RdeHome *home, const AzureJob *job,
					  bool drop_chunks)
{
	Datum		values[] = {
		UUIDPGetDatum(&job->id), Int32GetDatum(job->link_number),
		BoolGetDatum(drop_chunks)
	};

	rde_execute(home, &uploaded, values, NULL);
}

static const RdeStatement moved = {
	.sql = "UPDATE %s._rde_azure_upload SET blob = $2, new_blob = NULL,"
	" link_number = $3, last_error = NULL, claim_pid = NULL,"
	" claim_start = NULL WHERE id = $1",
	.types = {UUIDOID, TEXTOID, INT4OID},
	.expected = SPI_OK_UPDATE
};

void
azure_outbox_moved(const RdeHome *home, const AzureJob *job)
{
	Datum		values[] = {
		UUIDPGetDatum(&job->id), CStringGetTextDatum(job->new_blob),
		Int32GetDatum(job->link_number)
	};

	rde_execute(home, &moved, values, NULL);
}

static const RdeStatement forget = {
	.sql = "DELETE FROM %s._rde_azure_upload"
	" WHERE id = $1 AND report IS NULL",
	.types = {UUIDOID},
	.expected = SPI_OK_DELETE
};

void
azure_outbox_forget(const RdeHome *home, const AzureJob *job)
{
	Datum		values[] = {UUIDPGetDatum(&job->id)};

	rde_execute(home, &forget, values, NULL);
}

static const RdeStatement failed = {
	.sql = "UPDATE %s._rde_azure_upload SET last_error = $2,"
	" status = CASE WHEN report IS NULL THEN 'deleting'"
	" WHEN $3 < 0 AND status = 'pending' THEN 'error'"
	" ELSE status END,"
	" due_at = clock_timestamp()"
	" + pg_catalog.make_interval(secs => pg_catalog.abs($3)),"
	" claim_pid = NULL, claim_start = NULL WHERE id = $1",
	.types = {UUIDOID, TEXTOID, INT4OID},
	.expected = SPI_OK_UPDATE
};

void
azure_outbox_failed(const RdeHome *home, const AzureJob *job,
					const char *error, int seconds)
{
	Datum		values[] = {
		UUIDPGetDatum(&job->id), CStringGetTextDatum(error),
		Int32GetDatum(seconds)
	};

	rde_execute(home, &failed, values, NULL);
}
