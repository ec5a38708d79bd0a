/*
 * read.c
 *	  A completed report's file, read back: whole, chunk by chunk, as text; and
 *	  compared with its manifest.
 *
 * Invariant: what is returned is the file as the manifest describes it, or an
 * error; a missing or short chunk is never passed over.  No more than one chunk
 * is in memory beside the result.  Everything is read under the caller's
 * snapshot, so a purge meanwhile does not cut a download short.  A chunk that is
 * returned as one is as a table's value would be: whoever needs its bytes fetches
 * them, once.
 */
#include "core/row.h"
#include "core/statement.h"
#include "report/missing.h"
#include "report/report.h"
#include "who/opened.h"
#include "who/sight.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "file/gunzip.h"
#include "file/store.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#define UTF8_BOM	"\xef\xbb\xbf"

/* A completed report as reading its file needs it. */
typedef struct StoredFile
{
	const RdeHome *home;
	pg_uuid_t	id;
	const RdeFormat *format;
	char	   *store;			/* where else its chunks may be */
	bool		compressed;		/* the file is gzipped */
	int64		file_bytes;		/* as stored */
	int64		content_bytes;	/* without gzip */
	int32		chunks;
	uint8		sha256[PG_SHA256_DIGEST_LENGTH];
} StoredFile;

PG_FUNCTION_INFO_V1(rde_content);
PG_FUNCTION_INFO_V1(rde_chunks);
PG_FUNCTION_INFO_V1(rde_chunk);
PG_FUNCTION_INFO_V1(rde_text);
PG_FUNCTION_INFO_V1(rde_verify_report);

static void
require_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

/* One that is still to be built does not expire, as rde_reports has it. */
static const RdeStatement find_file = {
	.sql = "SELECT status, reseller, format, file_bytes, content_bytes,"
	" sha256, media_type = 'application/gzip' AS compressed, store"
	" FROM %s._rde_report WHERE id = $1"
	" AND ($2 OR expires_at > now() OR status = 'submitted')",
	.types = {UUIDOID, BOOLOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* From the format on they must be there in a completed report. */
enum
{
	FILE_STATUS = 1, FILE_RESELLER, FILE_FORMAT, FILE_BYTES,
	FILE_CONTENT_BYTES, FILE_SHA256, FILE_COMPRESSED, FILE_STORE
};

static void
check_complete(const StoredFile *file, RdeRow row)
{
	for (int column = FILE_FORMAT; column <= FILE_STORE; column++)
	{
		if (rde_row_is_null(row, column))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("report %s is completed but has no %s",
							rde_uuid_text(&file->id),
							SPI_fname(row.desc, column))));
	}
}

/* A row of find_file, in the current context. */
static void
read_manifest(StoredFile *file, RdeRow row)
{
	bytea	   *sha256;

	check_complete(file, row);
	file->format = rde_format_find(rde_row_text(row, FILE_FORMAT));
	file->store = rde_row_text(row, FILE_STORE);
	file->file_bytes = rde_row_int64(row, FILE_BYTES);
	file->content_bytes = rde_row_int64(row, FILE_CONTENT_BYTES);
	file->compressed = rde_row_bool(row, FILE_COMPRESSED);
	sha256 = rde_row_bytea(row, FILE_SHA256);
	if (VARSIZE(sha256) - VARHDRSZ != PG_SHA256_DIGEST_LENGTH ||
		file->file_bytes < 0 || file->content_bytes < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("manifest of report %s is damaged",
						rde_uuid_text(&file->id))));
	memcpy(file->sha256, VARDATA(sha256), PG_SHA256_DIGEST_LENGTH);
	file->chunks = (file->file_bytes + RDE_CHUNK_SIZE - 1) / RDE_CHUNK_SIZE;
}

/*
 * Find the report the first argument names.  Raises 42704 if there is none or
 * it has expired, unless expired ones are wanted too; 55000 if it is not
 * completed.  Allocates in the current context.
 */
static void
open_file(FunctionCallInfo fcinfo, bool expired_too, StoredFile *file)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];
	RdeRow		row;
	bool		has_reseller;
	char	   *status;

	file->home = rde_home(fcinfo);
	require_argument(fcinfo, 0, "report");
	file->id = *PG_GETARG_UUID_P(0);

	rde_connect();
	values[0] = UUIDPGetDatum(&file->id);
	/* a download that began before it expired goes on, see rde_redeem() */
	values[1] = BoolGetDatum(expired_too || rde_is_redeemed(&file->id));
	rde_execute(file->home, &find_file, values, NULL);
	if (SPI_processed == 0)
		rde_report_missing(&file->id);
	row = rde_row(0);
	has_reseller = !rde_row_is_null(row, FILE_RESELLER);
	if (!rde_may_see(file->home, &file->id, has_reseller,
					 has_reseller ? rde_row_int64(row, FILE_RESELLER) : 0,
					 true))
		rde_report_missing(&file->id);
	status = rde_row_text(row, FILE_STATUS);
	if (strcmp(status, "completed") != 0)
		rde_report_not_completed(&file->id, status);
	MemoryContextSwitchTo(context);
	read_manifest(file, row);
	SPI_finish();
}

/* How long a chunk must be. */
static int32
chunk_length(const StoredFile *file, int32 seq)
{
	return Min(file->file_bytes - (int64) seq * RDE_CHUNK_SIZE,
			   RDE_CHUNK_SIZE);
}

/* Its chunks were dropped, see rde_set_report_store(). */
static void
refuse_moved(const StoredFile *file)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("file of report %s is in store \"%s\", and no longer in the database",
					rde_uuid_text(&file->id), file->store),
			 errhint("Download it from its link: rde_download_url('%s').",
					 rde_uuid_text(&file->id))));
}

static const RdeStatement read_data = {
	.sql = "SELECT data FROM %s._rde_report_chunk"
	" WHERE report = $1 AND seq = $2",
	.types = {UUIDOID, INT4OID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/*
 * A chunk as it is stored, toasted if it is, in `context`; NULL if there is none.
 * The caller is connected to SPI.  Raises 55000 if the file has been moved to
 * another store.
 */
static bytea *
find_chunk(const StoredFile *file, int32 seq, MemoryContext context)
{
	Datum		values[] = {UUIDPGetDatum(&file->id), Int32GetDatum(seq)};
	bytea	   *chunk = NULL;

	CHECK_FOR_INTERRUPTS();
	rde_execute(file->home, &read_data, values, NULL);
	if (SPI_processed > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		chunk = (bytea *) DatumGetPointer(datumCopy(rde_row_datum(rde_row(0), 1),
													false, -1));
		MemoryContextSwitchTo(old);
	}
	else if (strcmp(file->store, RDE_STORE_LOCAL) != 0)
		refuse_moved(file);
	SPI_freetuptable(SPI_tuptable);
	return chunk;
}

/* How many bytes a chunk has, toasted or not. */
static int32
stored_length(const bytea *chunk)
{
	return toast_raw_datum_size(PointerGetDatum(chunk)) - VARHDRSZ;
}

/* The same for a chunk that must be there and be whole. */
static bytea *
require_chunk(const StoredFile *file, int32 seq, MemoryContext context)
{
	bytea	   *chunk = find_chunk(file, seq, context);

	if (chunk == NULL || stored_length(chunk) != chunk_length(file, seq))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 chunk == NULL ?
				 errmsg("chunk %d of report %s is missing", seq,
						rde_uuid_text(&file->id)) :
				 errmsg("chunk %d of report %s is not as long as it was written",
						seq, rde_uuid_text(&file->id)),
				 errhint("Restore the report from a backup, or make it again with rde_rebuild().")));
	return chunk;
}

/* The file in one piece in the current context, gzip taken away if asked. */
static bytea *
read_file(const StoredFile *file, bool decompress)
{
	bool		inflate = decompress && file->compressed;
	int64		size = inflate ? file->content_bytes : file->file_bytes;
	RdeGunzip  *gunzip = NULL;
	bytea	   *whole;

	if (size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("report %s is too large for one value: %lld bytes",
						rde_uuid_text(&file->id), (long long) size),
				 inflate ?
				 errhint("Use rde_chunks() and decompress what it returns.") :
				 errhint("Use rde_chunks(), which returns files of any size in pieces.")));
	whole = palloc(VARHDRSZ + size);
	SET_VARSIZE(whole, VARHDRSZ + size);

	rde_connect();
	if (inflate)
		gunzip = rde_gunzip_create(VARDATA(whole), size);
	for (int32 seq = 0; seq < file->chunks; seq++)
	{
		bytea	   *stored = require_chunk(file, seq, CurrentMemoryContext);
		bytea	   *chunk = pg_detoast_datum_packed(stored);
		size_t		length = VARSIZE_ANY_EXHDR(chunk);

		if (gunzip)
			rde_gunzip_write(gunzip, VARDATA_ANY(chunk), length);
		else
			memcpy(VARDATA(whole) + (size_t) seq * RDE_CHUNK_SIZE,
				   VARDATA_ANY(chunk), length);
		if (chunk != stored)
			pfree(chunk);
		pfree(stored);
	}
	if (gunzip)
		rde_gunzip_finish(gunzip);
	SPI_finish();
	return whole;
}

/* rde_content(report uuid, decompress boolean) → bytea */
Datum
rde_content(PG_FUNCTION_ARGS)
{
	StoredFile	file;

	open_file(fcinfo, false, &file);
	require_argument(fcinfo, 1, "decompress");
	PG_RETURN_BYTEA_P(read_file(&file, PG_GETARG_BOOL(1)));
}

/* rde_chunks(report uuid) → setof bytea, one chunk a call */
Datum
rde_chunks(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	StoredFile *file;
	bytea	   *chunk;
	MemoryContext context = CurrentMemoryContext;

	if (SRF_IS_FIRSTCALL())
	{
		call = SRF_FIRSTCALL_INIT();
		MemoryContextSwitchTo(call->multi_call_memory_ctx);
		file = palloc(sizeof(StoredFile));
		open_file(fcinfo, false, file);
		call->user_fctx = file;
		MemoryContextSwitchTo(context);
	}
	call = SRF_PERCALL_SETUP();
	file = call->user_fctx;
	if (call->call_cntr >= (uint64) file->chunks)
		SRF_RETURN_DONE(call);
	rde_connect();
	chunk = require_chunk(file, (int32) call->call_cntr, context);
	SPI_finish();
	SRF_RETURN_NEXT(call, PointerGetDatum(chunk));
}

/* rde_chunk(report uuid, seq integer) → bytea */
Datum
rde_chunk(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	StoredFile	file;
	bytea	   *chunk;
	int32		seq;

	open_file(fcinfo, false, &file);
	require_argument(fcinfo, 1, "seq");
	seq = PG_GETARG_INT32(1);
	if (seq < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("seq must not be negative"),
				 errhint("Chunks are counted from 0.")));
	if (seq >= file.chunks)
		PG_RETURN_NULL();
	rde_connect();
	chunk = require_chunk(&file, seq, context);
	SPI_finish();
	PG_RETURN_BYTEA_P(chunk);
}

/* rde_text(report uuid) → text */
Datum
rde_text(PG_FUNCTION_ARGS)
{
	StoredFile	file;
	bytea	   *utf8;
	size_t		length;
	char	   *converted;
	size_t		bom = strlen(UTF8_BOM);

	open_file(fcinfo, false, &file);
	if (!file.format->text)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("report %s is of format \"%s\", which is not text",
						rde_uuid_text(&file.id), file.format->name),
				 errhint("Use rde_content().")));
	utf8 = read_file(&file, true);
	length = VARSIZE(utf8) - VARHDRSZ;

	/* a BOM tells a spreadsheet the encoding; in a text value it is no text */
	if (length >= bom &&
		memcmp(VARDATA(utf8), UTF8_BOM, bom) == 0)
	{
		length -= bom;
		memmove(VARDATA(utf8), VARDATA(utf8) + bom, length);
		SET_VARSIZE(utf8, VARHDRSZ + length);
	}

	converted = pg_any_to_server(VARDATA(utf8), (int) length, PG_UTF8);
	if (converted == VARDATA(utf8))
		PG_RETURN_TEXT_P((text *) utf8);
	pfree(utf8);
	PG_RETURN_TEXT_P(cstring_to_text(converted));
}

static const RdeStatement find_chunks_from = {
	.sql = "SELECT FROM %s._rde_report_chunk WHERE report = $1 AND seq >= $2",
	.types = {UUIDOID, INT4OID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* What of the stored bytes is not as the manifest says; NULL if nothing. */
static char *
find_difference(const StoredFile *file)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	uint8		sha256[PG_SHA256_DIGEST_LENGTH];
	char	   *difference = NULL;
	Datum		values[] = {UUIDPGetDatum(&file->id),
	Int32GetDatum(file->chunks)};

	if (hash == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not start SHA-256: %s", pg_cryptohash_error(hash));
	for (int32 seq = 0; seq < file->chunks && difference == NULL; seq++)
	{
		bytea	   *stored = find_chunk(file, seq, CurrentMemoryContext);
		bytea	   *chunk = stored ? pg_detoast_datum_packed(stored) : NULL;
		int32		length = chunk ? VARSIZE_ANY_EXHDR(chunk) : 0;

		if (chunk == NULL)
			difference = psprintf("Chunk %d of %d is missing.", seq,
								  file->chunks);
		else if (length != chunk_length(file, seq))
			difference = psprintf("Chunk %d of %d has %d bytes instead of %d.",
								  seq, file->chunks, length,
								  chunk_length(file, seq));
		else if (pg_cryptohash_update(hash,
									  (const uint8 *) VARDATA_ANY(chunk),
									  length) < 0)
			elog(ERROR, "could not update SHA-256: %s",
				 pg_cryptohash_error(hash));
		if (chunk != stored)
			pfree(chunk);
		if (stored)
			pfree(stored);
	}
	if (pg_cryptohash_final(hash, sha256, sizeof(sha256)) < 0)
		elog(ERROR, "could not finish SHA-256: %s",
			 pg_cryptohash_error(hash));
	pg_cryptohash_free(hash);
	if (difference)
		return difference;

	rde_execute(file->home, &find_chunks_from, values, NULL);
	if (SPI_processed > 0)
		return psprintf("There are more than its %d chunks.", file->chunks);
	if (memcmp(sha256, file->sha256, sizeof(sha256)) != 0)
		return pstrdup("Its bytes have another SHA-256.");
	return NULL;
}

/* rde_verify_report(report uuid) → boolean */
Datum
rde_verify_report(PG_FUNCTION_ARGS)
{
	StoredFile	file;
	char	   *difference;

	open_file(fcinfo, true, &file);
	rde_connect();
	difference = find_difference(&file);
	if (difference)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file of report %s is not as it was written",
						rde_uuid_text(&file.id)),
				 errdetail_internal("%s", difference),
				 errhint("Restore the report from a backup, or make it again with rde_rebuild().")));
	SPI_finish();
	PG_RETURN_BOOL(difference == NULL);
}
