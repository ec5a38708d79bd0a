/*
 * outbox.c
 *	  Which reports are to be uploaded, and which blobs moved or deleted.
 *
 * Invariant: a blob's name is committed before the blob can be there, and its
 * row goes after the blob; so no blob is ever forgotten.
 */
#include "outbox.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

void
azure_outbox_check_caller(const RdeHome *home)
{
	rde_execute(home, "SELECT %s._rde_azure_check_caller()",
				0, NULL, NULL, NULL, false, SPI_OK_SELECT);
}

void
azure_outbox_check_cluster(const RdeHome *home)
{
	rde_execute(home, "SELECT %s._rde_azure_check_cluster()",
				0, NULL, NULL, NULL, false, SPI_OK_SELECT);
}

void
azure_outbox_fill(const RdeHome *home, const char *server)
{
	Oid			types[] = {NAMEOID};
	Datum		values[] = {
		DirectFunctionCall1(namein, CStringGetDatum(server))
	};

	rde_execute(home, "SELECT %s._rde_azure_fill($1)",
				1, types, values, NULL, false, SPI_OK_SELECT);
}

/* A column of the only row SPI returned. */
static char *
text_column(MemoryContext context, int column)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[0],
									 SPI_tuptable->tupdesc, column);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

static Datum
value_column(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column,
						 isnull);
}

AzureJob *
azure_outbox_claim(const RdeHome *home, MemoryContext context)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {
		Int32GetDatum(MyProcPid), TimestampTzGetDatum(MyStartTimestamp)
	};
	AzureJob   *job;
	const char *kind;
	bool		isnull;

	rde_execute(home,
				"SELECT id, kind, attempts, expired, server, blob, new_blob,"
				" name, file_name, media_type, sha256, reseller, month, bytes,"
				" link_number FROM %s._rde_azure_claim($1, $2)",
				2, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	job = MemoryContextAllocZero(context, sizeof(AzureJob));
	job->id = *DatumGetUUIDP(value_column(1, &isnull));
	kind = text_column(context, 2);
	job->kind = strcmp(kind, "upload") == 0 ? AZURE_UPLOAD :
		strcmp(kind, "move") == 0 ? AZURE_MOVE : AZURE_DELETE;
	job->attempts = DatumGetInt32(value_column(3, &isnull));
	job->expired = DatumGetBool(value_column(4, &isnull));
	job->server = text_column(context, 5);
	job->blob = text_column(context, 6);
	job->new_blob = text_column(context, 7);
	job->name = text_column(context, 8);
	job->file_name = text_column(context, 9);
	job->media_type = text_column(context, 10);
	job->sha256 = text_column(context, 11);
	job->reseller = text_column(context, 12);
	job->month = text_column(context, 13);
	job->bytes = DatumGetInt64(value_column(14, &isnull));
	job->link_number = DatumGetInt32(value_column(15, &isnull));
	return job;
}

void
azure_outbox_name(const RdeHome *home, const AzureJob *job)
{
	Oid			types[] = {UUIDOID, TEXTOID, TEXTOID};
	Datum		values[] = {
		UUIDPGetDatum(&job->id), CStringGetTextDatum(job->blob),
		job->new_blob ? CStringGetTextDatum(job->new_blob) : (Datum) 0
	};

	rde_execute(home,
				"UPDATE %s._rde_azure_upload SET blob = $2, new_blob = $3"
				" WHERE id = $1",
				3, types, values, job->new_blob ? NULL : "  n", false,
				SPI_OK_UPDATE);
}

bytea *
azure_outbox_chunk(const RdeHome *home, const AzureJob *job, int seq,
				   MemoryContext context)
{
	Oid			types[] = {UUIDOID, INT4OID};
	Datum		values[] = {UUIDPGetDatum(&job->id), Int32GetDatum(seq)};
	MemoryContext old;
	bytea	   *chunk;
	bool		isnull;

	rde_execute(home,
				"SELECT data FROM %s._rde_report_chunk"
				" WHERE report = $1 AND seq = $2",
				2, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	old = MemoryContextSwitchTo(context);
	chunk = DatumGetByteaPCopy(value_column(1, &isnull));
	MemoryContextSwitchTo(old);
	return chunk;
}

bool
azure_outbox_gone(const RdeHome *home, const AzureJob *job)
{
	Oid			types[] = {UUIDOID};
	Datum		values[] = {UUIDPGetDatum(&job->id)};

	rde_execute(home,
				"SELECT FROM %s._rde_azure_upload"
				" WHERE id = $1 AND report IS NOT NULL",
				1, types, values, NULL, false, SPI_OK_SELECT);
	return SPI_processed == 0;
}

void
azure_outbox_uploaded(const RdeHome *home, const AzureJob *job,
					  bool drop_chunks)
{
	Oid			types[] = {UUIDOID, INT4OID, BOOLOID};
	Datum		values[] = {
		UUIDPGetDatum(&job->id), Int32GetDatum(job->link_number),
		BoolGetDatum(drop_chunks)
	};

	rde_execute(home, "SELECT %s._rde_azure_uploaded($1, $2, $3)",
				3, types, values, NULL, false, SPI_OK_SELECT);
}

void
azure_outbox_moved(const RdeHome *home, const AzureJob *job)
{
	Oid			types[] = {UUIDOID, TEXTOID, INT4OID};
	Datum		values[] = {
		UUIDPGetDatum(&job->id), CStringGetTextDatum(job->new_blob),
		Int32GetDatum(job->link_number)
	};

	rde_execute(home,
				"UPDATE %s._rde_azure_upload SET blob = $2, new_blob = NULL,"
				" link_number = $3, last_error = NULL, claim_pid = NULL,"
				" claim_start = NULL WHERE id = $1",
				3, types, values, NULL, false, SPI_OK_UPDATE);
}

void
azure_outbox_forget(const RdeHome *home, const AzureJob *job)
{
	Oid			types[] = {UUIDOID};
	Datum		values[] = {UUIDPGetDatum(&job->id)};

	rde_execute(home,
				"DELETE FROM %s._rde_azure_upload"
				" WHERE id = $1 AND report IS NULL",
				1, types, values, NULL, false, SPI_OK_DELETE);
}

void
azure_outbox_failed(const RdeHome *home, const AzureJob *job,
					const char *error, int seconds)
{
	Oid			types[] = {UUIDOID, TEXTOID, INT4OID};
	Datum		values[] = {
		UUIDPGetDatum(&job->id), CStringGetTextDatum(error),
		Int32GetDatum(seconds)
	};

	rde_execute(home,
				"UPDATE %s._rde_azure_upload SET last_error = $2,"
				" status = CASE WHEN report IS NULL THEN 'deleting'"
				" WHEN $3 < 0 AND status = 'pending' THEN 'error'"
				" ELSE status END,"
				" due_at = clock_timestamp()"
				" + pg_catalog.make_interval(secs => pg_catalog.abs($3)),"
				" claim_pid = NULL, claim_start = NULL WHERE id = $1",
				3, types, values, NULL, false, SPI_OK_UPDATE);
}
