/*
 * blob.c
 *	  What is done with blobs.
 *
 * Invariant: a blob that is there is never written over; each request may be
 * sent twice and does the same as once.
 */
#include "blob.h"

#include "common/pg_prng.h"
#include "digest.h"
#include "file_name.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "shared_key.h"
#include "core/step.h"
#include "storage/latch.h"
#include "core/url.h"
#include "utils/memutils.h"

/* How often a request is sent, and the first pause in between; each doubles. */
#define MAX_TRIES		4
#define FIRST_PAUSE_MS	250

/* If the service wants to be left alone for longer, others have their turn. */
#define MAX_PAUSE		5		/* seconds */

/* Every reply of the service has an id; what lacks it is of somebody between. */
static bool
is_of_service(const AzureReply *reply)
{
	return reply->status != 0 && *reply->request_id;
}

static AzureOutcome
judge(const AzureReply *reply)
{
	const char *code = reply->error_code;

	/* nothing of what others say is to be believed, a 404 least of all */
	if (!is_of_service(reply))
		return AZURE_AGAIN;
	switch (reply->status)
	{
		case 408:
		case 429:
			return AZURE_AGAIN;
		case 404:
			return strcmp(code, "BlobNotFound") == 0 ||
				strcmp(code, "CannotVerifyCopySource") == 0 ?
				AZURE_MISSING : AZURE_REFUSED;
		case 409:
			return strncmp(code, "Container", 9) == 0 ?
				AZURE_REFUSED : AZURE_EXISTS;
		case 412:
			return AZURE_EXISTS;
		case 400:
			/* a bit was turned over on the way */
			return strcmp(code, "Md5Mismatch") == 0 ?
				AZURE_AGAIN : AZURE_WRONG;
	}
	if (reply->status >= 500)
		return AZURE_AGAIN;
	if (reply->status >= 200 && reply->status < 300)
		return AZURE_DONE;
	return reply->status == 401 || reply->status == 403 ||
		reply->status < 400 ? AZURE_REFUSED : AZURE_WRONG;
}

static void
say_error(AzureClient *client, const AzureRequest *request)
{
	const AzureReply *reply = &client->reply;
	const char *url = azure_blob_url(client->server, request->blob);

	if (reply->status == 0)
		snprintf(client->error, sizeof(client->error), "%s %s: %s",
				 request->method, url, reply->failure);
	else if (!is_of_service(reply))
		snprintf(client->error, sizeof(client->error),
				 "%s %s: status %d, but not from the Blob service",
				 request->method, url, reply->status);
	else
		snprintf(client->error, sizeof(client->error),
				 "%s %s: status %d%s%s%s%s%s", request->method, url,
				 reply->status, *reply->error_code ? ", " : "",
				 reply->error_code, *reply->request_id ? " (request " : "",
				 reply->request_id, *reply->request_id ? ")" : "");
}

/* By a clock that nobody sets. */
static void
pause_ms(long ms)
{
	instr_time	start;
	instr_time	spent;
	long		rest = ms;

	INSTR_TIME_SET_CURRENT(start);
	while (rest > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT |
						 WL_EXIT_ON_PM_DEATH, rest, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		INSTR_TIME_SET_CURRENT(spent);
		INSTR_TIME_SUBTRACT(spent, start);
		rest = ms - (long) INSTR_TIME_GET_MILLISEC(spent);
	}
}

static AzureOutcome
send_request(AzureClient *client, const AzureRequest *request)
{
	long		pause = FIRST_PAUSE_MS;

	for (int tries = 1;; tries++)
	{
		AzureOutcome outcome;

		rde_commit();
		azure_http_perform(client->http, client->server, request,
						   &client->reply);
		outcome = judge(&client->reply);
		if (outcome != AZURE_DONE)
			say_error(client, request);
		if (outcome != AZURE_AGAIN || tries == MAX_TRIES ||
			client->reply.retry_after > MAX_PAUSE)
			return outcome;
		/* not all at once, whom the same fault has stopped */
		pause_ms(Max(client->reply.retry_after * INT64CONST(1000),
					 pause * (0.5 + pg_prng_double(&pg_global_prng_state))));
		pause *= 2;
	}
}

/* What a request is made of is forgotten when the next one is made. */
static AzureRequest
begin_request(AzureClient *client, const char *method, const char *blob)
{
	AzureRequest request = {0};

	MemoryContextReset(client->request);
	MemoryContextSwitchTo(client->request);
	request.method = method;
	request.blob = blob;
	return request;
}

static void
add_query(AzureRequest *request, const char *name, const char *value)
{
	AzureField *field = &request->query[request->query_count++];

	field->name = name;
	field->value = value;
}

static void
add_header(AzureRequest *request, const char *name, const char *value)
{
	AzureField *field = &request->headers[request->header_count++];

	field->name = name;
	field->value = value;
}

/* All of a blob's ids have one length, as the service wants it. */
static const char *
block_id(int seq)
{
	char		number[16];
	int			length = snprintf(number, sizeof(number), "%010d", seq);

	return rde_url_base64((const uint8 *) number, length);
}

AzureOutcome
azure_put_block(AzureClient *client, const char *blob, int seq,
				const void *data, size_t length)
{
	MemoryContext old = CurrentMemoryContext;
	AzureRequest request = begin_request(client, "PUT", blob);
	AzureOutcome outcome;

	add_query(&request, "blockid", block_id(seq));
	add_query(&request, "comp", "block");
	request.content_md5 = azure_md5(data, length);
	request.body = data;
	request.body_length = length;
	outcome = send_request(client, &request);
	MemoryContextSwitchTo(old);
	return outcome;
}

/* As the file is to be called where it is saved */
static const char *
disposition(const AzureBlob *blob)
{
	StringInfoData value;

	initStringInfo(&value);
	appendStringInfo(&value, "attachment; filename=\"%s\"; filename*=UTF-8''",
					 azure_file_name(blob->file_name));
	rde_url_append(&value, azure_file_name(blob->utf8_name), "");
	return value.data;
}

AzureOutcome
azure_put(AzureClient *client, const AzureBlob *blob, const char *data)
{
	MemoryContext old = CurrentMemoryContext;
	AzureRequest request = begin_request(client, "PUT", blob->name);
	AzureOutcome outcome;

	add_header(&request, "x-ms-blob-content-disposition", disposition(blob));
	add_header(&request, "x-ms-blob-content-md5", blob->md5);
	add_header(&request, "x-ms-blob-content-type", blob->media_type);
	add_header(&request, "x-ms-blob-type", "BlockBlob");
	add_header(&request, "x-ms-meta-sha256", blob->sha256);
	request.content_type = blob->media_type;
	request.content_md5 = blob->md5;
	request.if_none_match = "*";
	request.body = data;
	request.body_length = blob->bytes;
	outcome = send_request(client, &request);
	MemoryContextSwitchTo(old);
	return outcome;
}

AzureOutcome
azure_put_block_list(AzureClient *client, const AzureBlob *blob, int count)
{
	MemoryContext old = CurrentMemoryContext;
	AzureRequest request = begin_request(client, "PUT", blob->name);
	StringInfoData body;
	AzureOutcome outcome;

	initStringInfo(&body);
	appendStringInfoString(&body, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
	for (int seq = 0; seq < count; seq++)
		appendStringInfo(&body, "<Latest>%s</Latest>", block_id(seq));
	appendStringInfoString(&body, "</BlockList>");

	add_query(&request, "comp", "blocklist");
	add_header(&request, "x-ms-blob-content-disposition", disposition(blob));
	add_header(&request, "x-ms-blob-content-md5", blob->md5);
	add_header(&request, "x-ms-blob-content-type", blob->media_type);
	add_header(&request, "x-ms-meta-sha256", blob->sha256);
	request.content_type = "application/xml";
	request.content_md5 = azure_md5(body.data, body.len);
	request.if_none_match = "*";
	request.body = body.data;
	request.body_length = body.len;
	outcome = send_request(client, &request);
	MemoryContextSwitchTo(old);
	return outcome;
}

AzureOutcome
azure_compare(AzureClient *client, const AzureBlob *blob)
{
	MemoryContext old = CurrentMemoryContext;
	AzureRequest request = begin_request(client, "HEAD", blob->name);
	AzureOutcome outcome = send_request(client, &request);
	const AzureReply *reply = &client->reply;

	/* who only asks whether it is there is not in its way */
	if (outcome == AZURE_EXISTS)
		outcome = AZURE_AGAIN;
	else if (outcome == AZURE_DONE && strcmp(reply->copy_status, "pending") == 0)
	{
		snprintf(client->error, sizeof(client->error),
				 "%s is still being copied",
				 azure_blob_url(client->server, blob->name));
		outcome = AZURE_AGAIN;
	}
	else if (outcome == AZURE_DONE && *reply->copy_status &&
			 strcmp(reply->copy_status, "success") != 0)
	{
		snprintf(client->error, sizeof(client->error),
				 "%s could not be copied by the service: %s",
				 azure_blob_url(client->server, blob->name),
				 reply->copy_status);
		outcome = AZURE_BROKEN;
	}
	else if (outcome == AZURE_DONE &&
			 (reply->content_length != blob->bytes ||
			  pg_strcasecmp(reply->sha256, blob->sha256) != 0 ||
			  (blob->md5 && strcmp(reply->md5, blob->md5) != 0)))
	{
		snprintf(client->error, sizeof(client->error),
				 "%s is another file: it has " INT64_FORMAT " bytes and SHA-256 %s",
				 azure_blob_url(client->server, blob->name),
				 reply->content_length,
				 *reply->sha256 ? reply->sha256 : "of nothing known");
		outcome = AZURE_EXISTS;
	}
	MemoryContextSwitchTo(old);
	return outcome;
}

AzureOutcome
azure_copy(AzureClient *client, const char *from, const char *to)
{
	MemoryContext old = CurrentMemoryContext;
	AzureRequest request = begin_request(client, "PUT", to);
	AzureOutcome outcome;

	add_header(&request, "x-ms-copy-source",
			   azure_blob_url(client->server, from));
	request.if_none_match = "*";
	outcome = send_request(client, &request);
	MemoryContextSwitchTo(old);
	return outcome;
}

AzureOutcome
azure_delete(AzureClient *client, const char *blob)
{
	MemoryContext old = CurrentMemoryContext;
	AzureRequest request = begin_request(client, "DELETE", blob);
	AzureOutcome outcome;

	add_header(&request, "x-ms-delete-snapshots", "include");
	outcome = send_request(client, &request);
	MemoryContextSwitchTo(old);
	return outcome;
}
