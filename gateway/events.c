/*
 * events.c
 *	  GET /events: Server-Sent Events of what becomes of reports.
 *
 * One thread asks the database for all streams at once, each second, and shows it
 * the token of each: what a stream is sent is what its token may see then.  The
 * threads of the streams' connections wait for it.
 *
 * Invariant: a stream's position is the id of the last event it was given, or one
 * up to which there was none for it; so nothing is missed and nothing comes twice,
 * in one connection or over several.
 */
#include "events.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "clock.h"
#include "guard.h"
#include "log.h"
#include "memory.h"
#include "reply.h"

#define POLL_MS			1000
#define HEARTBEAT_MS	15000

/* What a slow reader leaves unread; then its stream ends, and it comes again. */
#define MAX_UNREAD		(256 * 1024)

/* Bytes handed to libmicrohttpd at once. */
#define BLOCK_SIZE		4096

typedef struct Stream
{
	long long	number;
	int64_t		account;
	char	   *credentials;	/* as members of a JSON array */
	char	   *position;
	char	   *unread;			/* text of events */
	size_t		size;
	bool		ended;
	struct Guard *guard;
	int			socket;
	struct Stream *next;
} Stream;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static Stream *streams = NULL;
static long long last_number = 0;
static Pool *pool = NULL;
static pthread_t poller;
static bool stopping = false;

static void
wait_until(int64_t moment)
{
	const struct timespec until = clock_moment(moment);

	pthread_cond_timedwait(&changed, &lock, &until);
}

/* More text for a stream; one that does not read it ends. */
static void
give(Stream *stream, const char *text, size_t size)
{
	if (stream->ended || size == 0)
		return;
	if (stream->size + size > MAX_UNREAD)
	{
		stream->ended = true;
		return;
	}
	stream->unread = memory_resize(stream->unread, stream->size + size);
	memcpy(stream->unread + stream->size, text, size);
	stream->size += size;
}

static void
move_to(Stream *stream, const char *position)
{
	free(stream->position);
	stream->position = memory_copy(position);
}

static void
give_event(Stream *stream, const char *event, const char *id, const char *data)
{
	char	   *text;
	int			size = asprintf(&text, "event: %s\nid: %s\ndata: %s\n\n", event, id, data);

	if (size < 0)
		abort();
	give(stream, text, size);
	free(text);
	if (!stream->ended)
		move_to(stream, id);
}

/* All streams, as rde_poll_events() takes them; NULL if there are none. */
static char *
list_streams(long long *last)
{
	char	   *text;
	size_t		size;
	const char *separator = "[";
	FILE	   *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	*last = last_number;
	for (const Stream *stream = streams; stream != NULL; stream = stream->next)
	{
		if (stream->ended)
			continue;
		fprintf(out, "%s[%lld,%s,", separator, stream->number, stream->credentials);
		text_put_json(out, stream->position);
		putc(']', out);
		separator = ",";
	}
	putc(']', out);
	if (fclose(out) != 0)
		abort();
	if (*separator == ',')
		return text;
	free(text);
	return NULL;
}

static Stream *
find_stream(const char *number)
{
	Stream	   *stream = streams;
	long long	wanted = strtoll(number, NULL, 10);

	while (stream != NULL && stream->number != wanted)
		stream = stream->next;
	return stream;
}

/* The rows of an answer, which was asked for streams up to last. */
static void
deal_out(const PGresult *result, long long last)
{
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *event = PQgetvalue(result, row, EVENT_EVENT);
		const char *id = PQgetvalue(result, row, EVENT_ID);
		Stream	   *stream;

		if (PQgetisnull(result, row, EVENT_STREAM))
		{
			/* those that came meanwhile were not asked for */
			for (stream = streams; stream != NULL; stream = stream->next)
			{
				if (stream->number <= last && !stream->ended)
					move_to(stream, id);
			}
			continue;
		}
		stream = find_stream(PQgetvalue(result, row, EVENT_STREAM));
		if (stream == NULL)
			continue;
		if (strcmp(event, "end") == 0)
			stream->ended = true;
		else
			give_event(stream, event, id, PQgetvalue(result, row, EVENT_DATA));
	}
	pthread_cond_broadcast(&changed);
}

static void
poll_once(const char *asked, long long last)
{
	const Caller caller = {.pool = pool,.client = {.use = POOL_SHORT},.what = "events"};
	Call		call;
	Failure		failure = {0};
	PGresult   *result;

	call_begin(&call, STATEMENT_POLL);
	call_add(&call, asked);
	result = call_run(&caller, &call, 1, &failure);
	pthread_mutex_lock(&lock);
	if (result != NULL)
		deal_out(result, last);
	pthread_mutex_unlock(&lock);
	/* that the database is away is said in the log by whoever found it */
	failure_clear(&failure);
	PQclear(result);
}

static void *
poll_all(void *arg)
{
	int64_t		next = clock_ms();

	(void) arg;
	pthread_mutex_lock(&lock);
	while (!stopping)
	{
		char	   *asked;
		long long	last;

		if (clock_ms() < next || streams == NULL)
		{
			wait_until(streams == NULL ? clock_ms() + HEARTBEAT_MS : next);
			continue;
		}
		next = clock_ms() + POLL_MS;
		asked = list_streams(&last);
		if (asked == NULL)
			continue;
		pthread_mutex_unlock(&lock);
		poll_once(asked, last);
		free(asked);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Has its client hung up?  Writing alone would find out late. */
static bool
is_gone(const Stream *stream)
{
	struct pollfd socket = {.fd = stream->socket,.events = POLLRDHUP};

	return poll(&socket, 1, 0) > 0;
}

/* libmicrohttpd takes what there is, or waits for it here. */
static ssize_t
read_stream(void *arg, uint64_t position, char *buffer, size_t room)
{
	Stream	   *stream = arg;
	int64_t		heartbeat = clock_ms() + HEARTBEAT_MS;
	size_t		size;

	(void) position;
	guard_expect(stream->guard, GUARD_WORK);
	pthread_mutex_lock(&lock);
	while (stream->size == 0 && !stream->ended && !stopping && clock_ms() < heartbeat)
	{
		stream->ended = is_gone(stream);
		if (!stream->ended)
			wait_until(clock_ms() + POLL_MS);
	}
	if (stream->size == 0 && !stream->ended && !stopping)
		give(stream, ":\n\n", 3);
	size = stream->size < room ? stream->size : room;
	if (size > 0)
	{
		memcpy(buffer, stream->unread, size);
		stream->size -= size;
		memmove(stream->unread, stream->unread + size, stream->size);
	}
	pthread_mutex_unlock(&lock);
	guard_expect(stream->guard, GUARD_REPLY);
	return size == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t) size;
}

static void
free_stream(Stream *stream)
{
	free(stream->credentials);
	free(stream->position);
	free(stream->unread);
	free(stream);
}

static void
close_stream(void *arg)
{
	Stream	  **at = &streams;

	pthread_mutex_lock(&lock);
	while (*at != NULL && *at != arg)
		at = &(*at)->next;
	if (*at != NULL)
		*at = (*at)->next;
	pthread_mutex_unlock(&lock);
	free_stream(arg);
}

/* Key, claims and hash, of which rde_poll_events() finds out whose they are. */
static char *
shown(const Credentials *credentials)
{
	char	   *text;
	size_t		size;
	FILE	   *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	text_put_json(out, credentials->key);
	putc(',', out);
	if (credentials->claims == NULL)
		fputs("null", out);
	else
		text_put_json(out, credentials->claims);
	fputs(",\"", out);
	for (int i = 0; i < SHA256_SIZE; i++)
		fprintf(out, "%02x", credentials->token_sha256[i]);
	putc('"', out);
	if (fclose(out) != 0)
		abort();
	return text;
}

/* False if there are as many as there may be. */
static bool
add_stream(Stream *stream, Failure *failure)
{
	int			own = 0;
	int			all = 0;

	pthread_mutex_lock(&lock);
	for (const Stream *other = streams; other != NULL; other = other->next)
	{
		own += other->account == stream->account;
		all++;
	}
	if (own < EVENTS_PER_ACCOUNT && all < EVENTS_STREAMS)
	{
		stream->number = ++last_number;
		stream->next = streams;
		streams = stream;
		/* it is asked for at once */
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	if (own >= EVENTS_PER_ACCOUNT)
		failure_set(failure, 429, 5, "this account has as many streams of events open as it may have at once");
	else if (all >= EVENTS_STREAMS)
		failure_set(failure, 503, 5, "there are too many streams of events open just now");
	return stream->number > 0;
}

/* Where it begins: behind the event that the client has seen last, or now. */
static Stream *
open_stream(Request *request, Failure *failure)
{
	const char *after = request->fields[HEADER_LAST_EVENT_ID].value;
	Stream	   *stream;
	PGresult   *result;
	Call		call;

	call_begin(&call, STATEMENT_OPEN);
	call_add(&call, after != NULL && *after != '\0' ? after : request->fields[QUERY_AFTER].value);
	result = access_call(request, POOL_SHORT, &call, failure);
	if (result == NULL)
		return NULL;
	stream = memory_get(sizeof(Stream));
	stream->account = request->account;
	stream->guard = request->guard;
	stream->socket = MHD_get_connection_info(request->connection,
											 MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	stream->credentials = shown(&request->credentials);
	give_event(stream, "ready", PQgetvalue(result, 0, BODY_JSON), "{}");
	PQclear(result);
	if (add_stream(stream, failure))
		return stream;
	free_stream(stream);
	return NULL;
}

enum MHD_Result
events_get(Request *request)
{
	struct MHD_Response *response;
	Failure		failure = {0};
	Stream	   *stream;

	if (!access_login(request, &failure))
		return reply_failure(request, &failure);
	stream = open_stream(request, &failure);
	if (stream == NULL)
		return reply_failure(request, &failure);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream,
												 stream, close_stream);
	if (response == NULL)
	{
		close_stream(stream);
		return MHD_NO;
	}
	reply_header(response, "Content-Type", "text/event-stream; charset=utf-8");
	reply_header(response, "Cache-Control", "private, no-store");
	/* a proxy is to pass on what there is */
	reply_header(response, "X-Accel-Buffering", "no");
	return reply_send(request, response, MHD_HTTP_OK, 0);
}

int
events_streams(void)
{
	int			count = 0;

	pthread_mutex_lock(&lock);
	for (const Stream *stream = streams; stream != NULL; stream = stream->next)
		count++;
	pthread_mutex_unlock(&lock);
	return count;
}

void
events_begin(const char *conninfo)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pool = pool_create("events", conninfo, 1, 1);
	if (pthread_create(&poller, NULL, poll_all, NULL) != 0)
	{
		log_message(LOG_ERROR, "a thread cannot be started: %s", strerror(errno));
		exit(1);
	}
}

void
events_begin_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void
events_stop(void)
{
	pthread_join(poller, NULL);
	pool_close(pool);
}
