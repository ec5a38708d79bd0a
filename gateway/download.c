/*
 * download.c
 *	  GET and HEAD /reports/{id}/{file_name}: the file itself.
 *
 * The file is read in pieces, each by a short statement of its own, and the
 * session is given back before the piece is sent.  Pieces are small at first;
 * whoever takes them quickly gets whole chunks, while there is memory for that.
 *
 * Invariant: a piece lies within one chunk and within the part asked for.  Each
 * is paid for by a new check of the link or the login.
 */
#include "download.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "clock.h"
#include "guard.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "range.h"
#include "reply.h"
#include "share.h"

/* As the database stores them: every chunk but the last is of this size. */
#define CHUNK			(1024 * 1024)
#define SMALL_PIECE		(64 * 1024)

/* What is handed to the socket at once. */
#define BLOCK			(32 * 1024)

/* A piece taken within this time was taken quickly. */
#define QUICK_MS		1000

/* So long a download waits for a database that is away: less than a client. */
#define PATIENCE_MS		20000

struct Download
{
	Request    *request;
	bool		by_link;
	uint64_t	first;			/* of the file's bytes */
	uint64_t	length;
	uint64_t	sent;
	char		begun[32];		/* by the database's clock */

	PGresult   *piece;			/* NULL: none at hand */
	uint64_t	piece_at;		/* its place in the file */
	size_t		piece_size;
	bool		has_share;		/* of the memory for whole chunks */
	bool		quick;
	int64_t		piece_since;	/* clock_ms() */
};

static bool stopping = false;

void
download_begin_stop(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
}

static void
drop_piece(Download *download)
{
	PQclear(download->piece);
	download->piece = NULL;
	if (download->has_share)
		share_give_chunk();
	download->has_share = false;
}

/* Read the piece at a place of the file, as much as is fitting. */
static bool
read_piece(Download *download, uint64_t at, Failure *failure)
{
	Request    *request = download->request;
	uint64_t	left = download->first + download->length - at;
	size_t		offset = at % CHUNK;
	size_t		wanted = CHUNK - offset;
	char		numbers[3][24];
	Call		call;

	drop_piece(download);
	if (wanted > left)
		wanted = left;
	if (wanted > SMALL_PIECE)
	{
		download->has_share = download->quick && share_take_chunk();
		if (!download->has_share)
			wanted = SMALL_PIECE;
	}

	if (download->by_link)
		access_link_call(request, STATEMENT_REDEEM_PIECE, &call);
	else
	{
		call_begin(&call, STATEMENT_FILE_PIECE);
		call_add(&call, request->segments[1]);
	}
	call.binary = true;
	snprintf(numbers[0], sizeof(numbers[0]), "%llu", (unsigned long long) (at / CHUNK));
	snprintf(numbers[1], sizeof(numbers[1]), "%zu", offset + 1);
	snprintf(numbers[2], sizeof(numbers[2]), "%zu", wanted);
	for (int i = 0; i < 3; i++)
		call_add(&call, numbers[i]);
	call_add(&call, download->begun);

	if (download->by_link)
		download->piece = access_call_by_link(request, &call, failure);
	else
		download->piece = access_call(request, POOL_SHORT, &call, failure);
	if (download->piece == NULL)
		return false;
	if ((size_t) PQgetlength(download->piece, 0, PIECE_BYTES) != wanted)
	{
		log_message(LOG_ERROR, "%s: a chunk is not there, or not whole",
					request->correlation_id);
		failure_set(failure, 500, 0, "internal error, see the log for this correlation id");
		return false;
	}
	download->piece_at = at;
	download->piece_size = wanted;
	download->piece_since = clock_ms();
	return true;
}

/* The same, but with patience: the head of the reply is sent already. */
static bool
read_next_piece(Download *download, uint64_t at)
{
	int64_t		start = clock_ms();

	guard_expect(download->request->guard, GUARD_WORK);
	for (;;)
	{
		const struct timespec pause = {.tv_nsec = 300000000};
		Failure		failure;
		bool		again;

		if (read_piece(download, at, &failure))
			return true;
		again = failure.status == 503 && clock_ms() - start < PATIENCE_MS &&
			!__atomic_load_n(&stopping, __ATOMIC_RELAXED);
		if (!again)
			log_message(LOG_WARNING, "%s: download broken off: %s",
						download->request->correlation_id, failure.message);
		failure_clear(&failure);
		if (!again)
			return false;
		nanosleep(&pause, NULL);
	}
}

/* libmicrohttpd asks for what stands at pos of the reply. */
static ssize_t
next_block(void *arg, uint64_t pos, char *block, size_t room)
{
	Download   *download = arg;
	uint64_t	at = download->first + pos;
	size_t		offset;
	size_t		size;

	if (pos >= download->length)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if ((download->piece == NULL || at < download->piece_at ||
		 at >= download->piece_at + download->piece_size) &&
		!read_next_piece(download, at))
		return MHD_CONTENT_READER_END_WITH_ERROR;

	offset = at - download->piece_at;
	size = download->piece_size - offset;
	if (size > room)
		size = room;
	memcpy(block, PQgetvalue(download->piece, 0, PIECE_BYTES) + offset, size);
	if (offset + size == download->piece_size)
	{
		/* who is slow with the last block holds no memory for it */
		download->quick = clock_ms() - download->piece_since < QUICK_MS;
		drop_piece(download);
	}
	download->sent = pos + size;
	metrics_count_bytes(size);
	guard_expect(download->request->guard, GUARD_DOWNLOAD);
	return size;
}

/*
 * The stored name with the report's own name in its place, as it was given; to
 * be freed.
 */
static char *
own_file_name(const char *name, const char *file_name, const char *id)
{
	const char *rest = strcasestr(file_name, id);
	char	   *whole;

	if (rest == NULL || rest == file_name)
		return text_file_name(file_name);
	if (asprintf(&whole, "%s%s", name, rest - 1) < 0)	/* and the dot before it */
		abort();
	name = text_file_name(whole);
	free(whole);
	return (char *) name;
}

/* Content-Disposition: filename is ASCII, filename* is not. */
static void
add_disposition(struct MHD_Response *response, const PGresult *file, const char *id)
{
	char	   *stored = text_file_name(PQgetvalue(file, 0, FILE_FILE_NAME));
	char	   *own = own_file_name(PQgetvalue(file, 0, FILE_NAME),
									PQgetvalue(file, 0, FILE_FILE_NAME), id);
	char	   *value;
	size_t		size;
	FILE	   *out = open_memstream(&value, &size);

	if (out == NULL)
		abort();
	fputs("attachment; filename=\"", out);
	text_put_ascii(out, stored);
	fputs("\"; filename*=UTF-8''", out);
	text_put_percent(out, own);
	if (fclose(out) != 0)
		abort();
	reply_header(response, "Content-Disposition", "%s", value);
	free(value);
	free(stored);
	free(own);
}

/* Never later than Date, which is by our clock; the database has its own. */
static time_t
last_modified(const PGresult *file)
{
	time_t		created = strtoll(PQgetvalue(file, 0, FILE_CREATED), NULL, 10);
	time_t		now = clock_real().tv_sec;

	return created < now ? created : now;
}

static void
add_file_headers(struct MHD_Response *response, const PGresult *file, const char *id)
{
	unsigned char digest[SHA256_SIZE];
	char		base64[TEXT_BASE64_SIZE(SHA256_SIZE)];
	const char *sha256 = PQgetvalue(file, 0, FILE_SHA256);
	char		modified[RANGE_DATE_SIZE];

	reply_header(response, "ETag", "\"%s\"", sha256);
	reply_header(response, "Cache-Control", "private");
	reply_header(response, "Accept-Ranges", "bytes");
	reply_header(response, "X-RDE-Rows", "%s", PQgetvalue(file, 0, FILE_ROWS));
	if (text_hex_decode(digest, sha256, SHA256_SIZE))
	{
		text_base64(base64, digest, SHA256_SIZE);
		reply_header(response, "Repr-Digest", "sha-256=:%s:", base64);
	}
	range_date(modified, last_modified(file));
	if (*modified != '\0')
		reply_header(response, "Last-Modified", "%s", modified);
	add_disposition(response, file, id);
}

static enum MHD_Result
reply_unsatisfiable(Request *request, uint64_t size)
{
	struct MHD_Response *response = reply_error_body(request, MHD_HTTP_RANGE_NOT_SATISFIABLE,
													 "the range lies outside of the file");

	reply_header(response, "Content-Range", "bytes */%llu", (unsigned long long) size);
	return reply_send(request, response, MHD_HTTP_RANGE_NOT_SATISFIABLE,
					  request->reply_bytes);
}

static enum MHD_Result
reply_enough(Request *request, ShareAnswer answer)
{
	Failure		failure;

	if (answer == SHARE_ACCOUNT_HAS_ENOUGH)
		failure_set(&failure, 429, 5,
					"this account has as many downloads running as it may have at once");
	else
		failure_set(&failure, 503, 5, "there are too many downloads just now");
	return reply_failure(request, &failure);
}

/* Send length bytes from first on. */
static enum MHD_Result
reply_file(Request *request, const PGresult *file, bool by_link, int status,
		   uint64_t first, uint64_t length)
{
	Download   *download;
	struct MHD_Response *response;

	if (request_is(request, "HEAD") || length == 0)
		response = MHD_create_response_from_callback(length, BLOCK, next_block, NULL, NULL);
	else
	{
		ShareAnswer answer = share_take_download(request->account);
		Failure		failure;

		if (answer != SHARE_OK)
			return reply_enough(request, answer);
		download = memory_get(sizeof(Download));
		download->request = request;
		download->by_link = by_link;
		download->first = first;
		download->length = length;
		snprintf(download->begun, sizeof(download->begun), "%s",
				 PQgetvalue(file, 0, FILE_NOW));
		request->download = download;
		if (!read_piece(download, first, &failure))
			return reply_failure(request, &failure);
		response = MHD_create_response_from_callback(length, BLOCK, next_block, download, NULL);
	}
	if (response == NULL)
		return MHD_NO;
	reply_header(response, "Content-Type", "%s", PQgetvalue(file, 0, FILE_MEDIA_TYPE));
	add_file_headers(response, file, request->segments[1]);
	if (status == MHD_HTTP_PARTIAL_CONTENT)
		reply_header(response, "Content-Range", "bytes %llu-%llu/%s",
					 (unsigned long long) first,
					 (unsigned long long) (first + length - 1),
					 PQgetvalue(file, 0, FILE_BYTES));
	return reply_send(request, response, status, length);
}

/*
 * The file is in a store of its own, which gives links to it.  Many a client
 * that is sent on shows its token there, too, so one with a token is told the
 * link and not sent.
 */
static enum MHD_Result
reply_moved(Request *request, const PGresult *file)
{
	struct MHD_Response *response;

	if (request->fields[HEADER_AUTHORIZATION].count > 0 ||
		request->fields[HEADER_SUBSCRIPTION_KEY].count > 0)
		return reply_elsewhere(request, PQgetvalue(file, 0, FILE_MOVED_TO));
	response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	reply_header(response, "Location", "%s", PQgetvalue(file, 0, FILE_MOVED_TO));
	reply_header(response, "Cache-Control", "private, no-store");
	return reply_send(request, response, MHD_HTTP_FOUND, 0);
}

static enum MHD_Result
reply_not_modified(Request *request, const PGresult *file)
{
	struct MHD_Response *response;

	response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	add_file_headers(response, file, request->segments[1]);
	return reply_send(request, response, MHD_HTTP_NOT_MODIFIED, 0);
}

/* The date of a condition that is there once; others count for nothing. */
static bool
condition_date(const Request *request, Field field, time_t *moment)
{
	return request->fields[field].count == 1 &&
		range_parse_date(request->fields[field].value, moment);
}

/*
 * Conditions in the order of RFC 9110, 13.2.2.  The file of a report is never
 * changed, so its date is as good a validator as its tag.
 */
static enum MHD_Result
reply_conditionally(Request *request, const PGresult *file, bool by_link)
{
	const char *if_match = request->fields[HEADER_IF_MATCH].value;
	const char *if_none_match = request->fields[HEADER_IF_NONE_MATCH].value;
	const char *if_range = request->fields[HEADER_IF_RANGE].value;
	const char *range = request->fields[HEADER_RANGE].value;
	uint64_t	size = strtoull(PQgetvalue(file, 0, FILE_BYTES), NULL, 10);
	time_t		modified = last_modified(file);
	time_t		date;
	uint64_t	first;
	uint64_t	length;
	char		tag[2 * SHA256_SIZE + 3];
	RangeKind	kind;

	snprintf(tag, sizeof(tag), "\"%s\"", PQgetvalue(file, 0, FILE_SHA256));
	if (if_match != NULL ? !range_tag_in_list(if_match, tag, false) :
		condition_date(request, HEADER_IF_UNMODIFIED_SINCE, &date) && modified > date)
		return reply_error(request, MHD_HTTP_PRECONDITION_FAILED,
						   if_match != NULL ? "the file is not the one of If-Match" :
						   "the file was made after If-Unmodified-Since");
	if (if_none_match != NULL ? range_tag_in_list(if_none_match, tag, true) :
		condition_date(request, HEADER_IF_MODIFIED_SINCE, &date) && modified <= date)
		return reply_not_modified(request, file);
	if (request->fields[HEADER_RANGE].count > 1 ||
		(if_range != NULL && strcmp(if_range, tag) != 0 &&
		 !(condition_date(request, HEADER_IF_RANGE, &date) && modified == date)))
		range = NULL;
	kind = range_parse(range, size, &first, &length);
	if (kind == RANGE_UNSATISFIABLE)
		return reply_unsatisfiable(request, size);
	return reply_file(request, file, by_link,
					  kind == RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
					  first, length);
}

enum MHD_Result
download_file(Request *request)
{
	bool		by_link = request->fields[QUERY_SIG].count > 0;
	PGresult   *file;
	Failure		failure;
	enum MHD_Result result;

	if (by_link)
		file = access_redeem(request, &failure);
	else if (!access_login(request, &failure))
		file = NULL;
	else if (!text_is_uuid(request->segments[1]))
		return reply_no_report(request);
	else
	{
		Call		call;

		call_begin(&call, STATEMENT_FILE);
		call_add(&call, request->segments[1]);
		file = access_call(request, POOL_SHORT, &call, &failure);
		if (file != NULL &&
			strcmp(PQgetvalue(file, 0, FILE_FILE_NAME), request->segments[2]) != 0)
		{
			PQclear(file);
			return reply_no_report(request);
		}
	}
	if (file == NULL)
		return reply_failure(request, &failure);
	if (PQgetisnull(file, 0, FILE_MOVED_TO))
		result = reply_conditionally(request, file, by_link);
	else
		result = reply_moved(request, file);
	PQclear(file);
	return result;
}

void
download_log(const Download *download, FILE *out)
{
	fputs(" report=", out);
	text_put_printable(out, download->request->segments[1]);
	fputs(" kid=", out);
	/* a key id is no secret, and this one is real: the link was redeemed */
	text_put_printable(out, download->by_link ?
					   download->request->fields[QUERY_KID].value : "-");
	fprintf(out, " sent=%llu%s", (unsigned long long) download->sent,
			download->sent < download->length ? " incomplete" : "");
}

bool
download_is_complete(const Download *download)
{
	return download->sent == download->length;
}

void
download_end(Download *download)
{
	if (download == NULL)
		return;
	drop_piece(download);
	share_give_download(download->request->account);
	free(download);
}
