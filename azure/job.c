/*
 * job.c
 *	  One job: a report is uploaded, a blob moved or deleted.
 *
 * Invariant: each job may be begun again wherever it was interrupted; a report
 * is taken for uploaded only when its blob has been compared with what the
 * report's row says, and the manifest beside it with what it is to be.
 */
#include "job.h"

#include <math.h>

#include "common/pg_prng.h"
#include "digest.h"
#include "mb/pg_wchar.h"
#include "file/store.h"
#include "core/row.h"
#include "core/step.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

/* The service's limit. */
#define MAX_BLOCKS		50000

/* A job that failed is tried again after so many seconds; each time twice. */
#define FIRST_PAUSE		15
#define LAST_PAUSE		SECS_PER_HOUR

/* What a file's name has from the report's id on */
static const char *
from_id(const AzureJob *job)
{
	const char *found = strstr(job->file_name, rde_uuid_text(&job->id));

	if (found == NULL)
		elog(ERROR, "file name \"%s\" lacks its report's id", job->file_name);
	return found;
}

/*
 * A blob's name: that of the file, in the folders of the layout.  Links are
 * revoked by another name, which has the link number behind the id.
 */
static const char *
blob_name(const AzureServer *server, const AzureJob *job)
{
	StringInfoData name;
	const char *id = from_id(job);
	int			end = id - job->file_name + strlen(rde_uuid_text(&job->id));

	initStringInfo(&name);
	if (server->layout == AZURE_BY_RESELLER ||
		server->layout == AZURE_BY_RESELLER_AND_MONTH)
		appendStringInfo(&name, "%s/", job->reseller ? job->reseller : "all");
	if (server->layout == AZURE_BY_MONTH ||
		server->layout == AZURE_BY_RESELLER_AND_MONTH)
		appendStringInfo(&name, "%s/", job->month);
	appendBinaryStringInfo(&name, job->file_name, end);
	if (job->link_number > 0)
		appendStringInfo(&name, "-%d", job->link_number);
	appendStringInfoString(&name, job->file_name + end);
	return name.data;
}

bool
azure_job_name(const AzureServer *server, AzureJob *job)
{
	if (job->kind == AZURE_UPLOAD && job->blob == NULL)
		job->blob = blob_name(server, job);
	else if (job->kind == AZURE_MOVE && job->new_blob == NULL)
		job->new_blob = blob_name(server, job);
	else
		return false;
	return true;
}

/* What the job's blob has to be once it has this name */
static AzureBlob
wanted_blob(const AzureJob *job, const char *name)
{
	AzureBlob	blob = {0};
	char	   *utf8 = pg_server_to_any(job->name, strlen(job->name), PG_UTF8);

	blob.name = name;
	blob.file_name = job->file_name;
	blob.utf8_name = psprintf("%s.%s", utf8, from_id(job));
	blob.media_type = job->media_type;
	blob.sha256 = job->sha256;
	blob.bytes = job->bytes;
	return blob;
}

/* Trying again would not help. */
static AzureOutcome
give_up(AzureClient *client, const char *why)
{
	strlcpy(client->error, why, sizeof(client->error));
	return AZURE_NEVER;
}

static AzureOutcome
put_chunks(const RdeHome *home, AzureClient *client, const AzureJob *job,
		   AzureBlob *blob, int count)
{
	MemoryContext context = CurrentMemoryContext;
	AzureDigest *digest = azure_digest_create();
	AzureOutcome outcome = AZURE_DONE;
	const char *sha256;

	for (int seq = 0; seq < count && outcome == AZURE_DONE; seq++)
	{
		int64		length = Min(job->bytes - (int64) seq * RDE_CHUNK_SIZE,
								 RDE_CHUNK_SIZE);
		bytea	   *chunk;

		rde_step_begin();
		chunk = azure_outbox_chunk(home, job, seq, context);
		rde_step_end();
		if (chunk == NULL || VARSIZE(chunk) - VARHDRSZ != length)
			return give_up(client, psprintf("chunk %d of the report is missing or not whole; see rde_verify_report()",
											seq));
		azure_digest_add(digest, VARDATA(chunk), length);
		outcome = azure_put_block(client, blob->name, seq, VARDATA(chunk),
								  length);
		pfree(chunk);
	}
	if (outcome != AZURE_DONE)
		return outcome;
	azure_digest_finish(digest, &sha256, &blob->md5);
	if (strcmp(sha256, job->sha256) != 0)
		return give_up(client, "the report's bytes in the database have another SHA-256 than its manifest; see rde_verify_report()");
	return azure_put_block_list(client, blob, count);
}

/* Is a blob there?  If it is another one, it is not written over. */
static AzureOutcome
compare(AzureClient *client, const AzureBlob *blob)
{
	AzureOutcome outcome = azure_compare(client, blob);

	return outcome == AZURE_EXISTS ? AZURE_NEVER : outcome;
}

/* A blob that is said to be there; if it is not, whoever said so was wrong. */
static AzureOutcome
compare_again(AzureClient *client, const AzureBlob *blob)
{
	AzureOutcome outcome = compare(client, blob);

	return outcome == AZURE_MISSING ? AZURE_AGAIN : outcome;
}

/* Beside the blob of a report's file */
static const char *
manifest_name(const char *blob)
{
	return psprintf("%s.manifest.json", blob);
}

static AzureBlob
wanted_manifest(const AzureJob *job, const char *file, const char *manifest)
{
	AzureBlob	blob = wanted_blob(job, manifest_name(file));
	AzureDigest *digest = azure_digest_create();

	blob.file_name = manifest_name(blob.file_name);
	blob.utf8_name = manifest_name(blob.utf8_name);
	blob.media_type = "application/json; charset=utf-8";
	blob.bytes = strlen(manifest);
	azure_digest_add(digest, manifest, blob.bytes);
	azure_digest_finish(digest, &blob.sha256, &blob.md5);
	return blob;
}

/*
 * What is known of a file, beside its blob and after it: who finds a manifest
 * finds the file.
 */
static AzureOutcome
put_manifest(const RdeHome *home, AzureClient *client, const AzureJob *job,
			 const char *file)
{
	MemoryContext context = CurrentMemoryContext;
	text	   *stored;
	char	   *manifest;
	AzureBlob	blob;
	AzureOutcome outcome;

	rde_step_begin();
	stored = azure_outbox_manifest(home, job, context);
	rde_step_end();
	if (stored == NULL)
	{
		strlcpy(client->error, "the report is gone", sizeof(client->error));
		return AZURE_AGAIN;
	}
	manifest = text_to_cstring(stored);
	manifest = pg_server_to_any(manifest, strlen(manifest), PG_UTF8);
	blob = wanted_manifest(job, file, manifest);
	outcome = azure_put(client, &blob, manifest);
	if (outcome == AZURE_DONE || outcome == AZURE_EXISTS)
		outcome = compare_again(client, &blob);
	return outcome;
}

static AzureOutcome
put_file(const RdeHome *home, AzureClient *client, const AzureJob *job)
{
	AzureBlob	blob = wanted_blob(job, job->blob);
	int64		count = (job->bytes + RDE_CHUNK_SIZE - 1) / RDE_CHUNK_SIZE;
	AzureOutcome outcome;

	if (count > MAX_BLOCKS)
		return give_up(client, psprintf("the report has " INT64_FORMAT " chunks, and a blob %d blocks at most",
										count, MAX_BLOCKS));
	/* an earlier try may have gone further than anybody knows */
	if (job->attempts > 1)
	{
		outcome = compare(client, &blob);
		if (outcome != AZURE_MISSING)
			return outcome;
	}
	outcome = put_chunks(home, client, job, &blob, (int) count);
	if (outcome == AZURE_DONE || outcome == AZURE_EXISTS)
		outcome = compare_again(client, &blob);
	return outcome;
}

static AzureOutcome
upload(const RdeHome *home, AzureClient *client, const AzureJob *job)
{
	AzureOutcome outcome = put_file(home, client, job);

	return outcome == AZURE_DONE ?
		put_manifest(home, client, job, job->blob) : outcome;
}

/* A report's blob, and before it the manifest beside it */
static AzureOutcome
delete_both(AzureClient *client, const char *blob)
{
	AzureOutcome outcome = azure_delete(client, manifest_name(blob));

	return outcome == AZURE_DONE || outcome == AZURE_MISSING ?
		azure_delete(client, blob) : outcome;
}

/* What a failed copy left is in the way of the next try. */
static AzureOutcome
clear_away(AzureClient *client, const char *blob)
{
	char	   *error = pstrdup(client->error);
	AzureOutcome outcome = azure_delete(client, blob);

	if (outcome != AZURE_DONE && outcome != AZURE_MISSING)
		return outcome;
	strlcpy(client->error, error, sizeof(client->error));
	return AZURE_AGAIN;
}

/* Copied if it is not yet there, then deleted where it was. */
static AzureOutcome
move(const RdeHome *home, AzureClient *client, const AzureJob *job)
{
	AzureBlob	blob = wanted_blob(job, job->new_blob);
	AzureOutcome outcome = azure_compare(client, &blob);

	if (outcome == AZURE_MISSING)
	{
		outcome = azure_copy(client, job->blob, job->new_blob);
		if (outcome == AZURE_MISSING)
			return AZURE_NEVER;
		if (outcome == AZURE_DONE || outcome == AZURE_EXISTS)
			outcome = compare_again(client, &blob);
	}
	if (outcome == AZURE_DONE)
		outcome = put_manifest(home, client, job, job->new_blob);
	/* what has that name already is not to be deleted */
	if (strcmp(job->blob, job->new_blob) == 0)
		return outcome;
	if (outcome == AZURE_BROKEN)
		return clear_away(client, job->new_blob);
	if (outcome != AZURE_DONE)
		return outcome;
	outcome = delete_both(client, job->blob);
	return outcome == AZURE_MISSING ? AZURE_DONE : outcome;
}

/* Both of its names, of which one may not be there. */
static AzureOutcome
delete(AzureClient *client, const AzureJob *job)
{
	AzureOutcome outcome = AZURE_DONE;

	/* what expired may be left to a rule of the container */
	if (job->expired && !client->server->delete_expired)
		return AZURE_DONE;
	if (job->blob)
		outcome = delete_both(client, job->blob);
	if ((outcome == AZURE_DONE || outcome == AZURE_MISSING) && job->new_blob)
		outcome = delete_both(client, job->new_blob);
	return outcome == AZURE_MISSING ? AZURE_DONE : outcome;
}

void
azure_job_failed(const RdeHome *home, const AzureJob *job,
				 AzureOutcome outcome, const char *error, int retry_after)
{
	double		pause = FIRST_PAUSE * pow(2, Min(job->attempts, 20) - 1);

	pause = Min(pause, LAST_PAUSE) *
		(0.5 + pg_prng_double(&pg_global_prng_state));
	rde_step_begin();
	azure_outbox_failed(home, job, error, outcome == AZURE_NEVER ?
						-LAST_PAUSE : Max((int) pause, retry_after));
	rde_step_end();
}

static bool
is_gone(const RdeHome *home, const AzureJob *job)
{
	bool		gone;

	rde_step_begin();
	gone = azure_outbox_gone(home, job);
	rde_step_end();
	return gone;
}

AzureOutcome
azure_job_do(const RdeHome *home, AzureClient *client, AzureJob *job)
{
	AzureOutcome outcome;

	memset(&client->reply, 0, sizeof(client->reply));
	switch (job->kind)
	{
		case AZURE_UPLOAD:
			outcome = upload(home, client, job);
			break;
		case AZURE_MOVE:
			outcome = move(home, client, job);
			break;
		default:
			outcome = delete(client, job);
			break;
	}
	/* what failed for want of a report is no failure */
	if (outcome != AZURE_DONE && job->kind != AZURE_DELETE &&
		is_gone(home, job))
	{
		job->kind = AZURE_DELETE;
		outcome = delete(client, job);
	}
	if (outcome != AZURE_DONE)
	{
		azure_job_failed(home, job, outcome, client->error,
						 client->reply.retry_after);
		return outcome;
	}
	rde_step_begin();
	if (job->kind == AZURE_UPLOAD)
		azure_outbox_uploaded(home, job, !client->server->keep_local);
	else if (job->kind == AZURE_MOVE)
		azure_outbox_moved(home, job);
	else
		azure_outbox_forget(home, job);
	rde_step_end();
	return AZURE_DONE;
}
