/*
 * server.c
 *	  The HTTP side: connections, requests, and who answers which.
 *
 * Each connection has a thread of its own: it may wait for the database or for
 * its client without anybody else waiting.  Threads are few and small.
 *
 * Invariant: a request lives from its first line (begin_request) to
 * end_request(), which writes its line in the log and counts it.
 */
#include "server.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "access.h"
#include "clock.h"
#include "cors.h"
#include "download.h"
#include "events.h"
#include "guard.h"
#include "log.h"
#include "logins.h"
#include "memory.h"
#include "metrics.h"
#include "reply.h"
#include "routes.h"

#define MAX_CONNECTIONS	512
#define STACK_SIZE		(256 * 1024)

/*
 * Memory of a connection: request line and headers, then what is read and
 * written at once.  What is larger is refused with 431 or 414.
 */
#define CONNECTION_MEMORY REQUEST_MAX_LINE

/* Past what guard.h allows, and past a POST's 30 s in the database. */
#define CONNECTION_TIMEOUT 180

/* A body that is of no use is read to its end, so that its sender reads the
 * reply; but not if it is larger than this. */
#define MAX_DRAINED		(1024 * 1024)

/* A connection, and its request that has begun and not ended. */
typedef struct Client
{
	struct Guard *guard;
	Address		address;
	Request    *request;
} Client;

static struct MHD_Daemon *daemon_handle;
static const Pools *server_pools;
static bool behind_proxy;
static int	active;

static enum MHD_Result
answer(Request *request)
{
	char	   *allowed;
	enum MHD_Result result;

	if (request->refusal.status != 0)
		return reply_failure(request, &request->refusal);
	if (request->route != NULL)
		return request->route->answer(request);
	(void) routes_find(request, &allowed);
	if (allowed == NULL)
		return reply_error(request, MHD_HTTP_NOT_FOUND, "there is nothing here");
	result = cors_is_preflight(request) ? cors_preflight(request, allowed) :
		reply_method_not_allowed(request, allowed);
	free(allowed);
	return result;
}

/* Is its body of use?  Strangers' are not kept in memory. */
static bool
wants_body(Request *request)
{
	return request->route != NULL && request->route->takes_body &&
		access_login(request, &request->refusal);
}

static bool
body_is_huge(const Request *request)
{
	const FieldValue *length = &request->fields[HEADER_CONTENT_LENGTH];

	return length->count > 0 && strtoull(length->value, NULL, 10) > MAX_DRAINED;
}

/* libmicrohttpd calls this with the headers, with parts of the body, and at its end. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *url,
	   const char *method, const char *version, const char *data,
	   size_t *size, void **state)
{
	Request    *request = *state;
	char	   *allowed;

	(void) arg;
	(void) connection;
	(void) url;
	if (!request->begun)
	{
		request_begin(request, method, version);
		if (behind_proxy && request->fields[HEADER_FORWARDED_FOR].count > 0)
			address_parse_last(&request->address,
							   request->fields[HEADER_FORWARDED_FOR].value);
		request->route = routes_find(request, &allowed);
		free(allowed);
		__atomic_add_fetch(&active, 1, __ATOMIC_RELAXED);
		guard_expect(request->guard, GUARD_WORK);
		if (request->malformed)
			return reply_error_and_close(request, MHD_HTTP_BAD_REQUEST,
										 "the request is not well-formed: two Host fields, a field's name that is none, or a NUL in the path");
		if (!request_framing_is_sound(request))
			return reply_error_and_close(request, MHD_HTTP_BAD_REQUEST,
										 "the length of the body is in doubt");
		if (body_is_huge(request))
			return reply_error_and_close(request, MHD_HTTP_CONTENT_TOO_LARGE,
										 "the body is larger than 64 KiB");
		request->keep_body = request_has_body(request) && wants_body(request);
		guard_expect(request->guard, request->keep_body ? GUARD_BODY : GUARD_DRAIN);
		return MHD_YES;			/* a reply now would cost the connection */
	}
	if (*size > 0)
	{
		request_add_body(request, data, *size);
		*size = 0;
		return request->body_size > MAX_DRAINED ? MHD_NO : MHD_YES;
	}
	guard_expect(request->guard, GUARD_WORK);
	return answer(request);
}

static void
log_request(const Request *request, enum MHD_RequestTerminationCode how)
{
	char	   *line;
	size_t		size;
	FILE	   *out;

	if (!log_wanted(LOG_INFO) ||
		(request->refused && !logins_has_line(&request->address)))
		return;
	out = log_begin(&line, &size, LOG_INFO);
	fprintf(out, "request id=%s account=", request->correlation_id);
	if (request->account > 0)
		fprintf(out, "%lld", (long long) request->account);
	else
		putc('-', out);
	fprintf(out, " method=");
	text_put_printable(out, request->begun ? request->method : "-");
	fputs(" path=", out);
	text_put_printable(out, request->path);
	fprintf(out, " status=%d bytes=%llu ms=%.1f", request->status,
			(unsigned long long) request->reply_bytes,
			(clock_us() - request->started) / 1e3);
	if (request->download != NULL)
		download_log(request->download, out);
	if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		fputs(" broken-off", out);
	log_end(out, &line, &size);
}

static void
finish(Client *client, enum MHD_RequestTerminationCode how)
{
	Request    *request = client->request;

	if (request == NULL)
		return;
	client->request = NULL;
	log_request(request, how);
	metrics_count(request, how);
	guard_expect(client->guard, GUARD_IDLE);
	if (request->begun)
		__atomic_sub_fetch(&active, 1, __ATOMIC_RELAXED);
	download_end(request->download);
	request_free(request);
}

static Client *
client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection,
								   MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void *
begin_request(void *arg, const char *uri, struct MHD_Connection *connection)
{
	Client	   *client = client_of(connection);
	Request    *request = request_create(connection, uri);

	(void) arg;
	finish(client, MHD_REQUEST_TERMINATED_WITH_ERROR);
	request->guard = client->guard;
	request->address = client->address;
	guard_expect(client->guard, GUARD_HEADERS);
	request->pools = server_pools;
	client->request = request;
	return request;
}

static void
end_request(void *arg, struct MHD_Connection *connection, void **state,
			enum MHD_RequestTerminationCode how)
{
	(void) arg;
	if (*state != NULL)
		finish(client_of(connection), how);
	*state = NULL;
}

/*
 * A request whose line is too much for libmicrohttpd, which has no memory left
 * to take it apart, is dropped without end_request().
 */
static void
notify_connection(void *arg, struct MHD_Connection *connection, void **context,
				  enum MHD_ConnectionNotificationCode what)
{
	Client	   *client = *context;
	bool		known;

	(void) arg;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
	{
		client = memory_get(sizeof(Client));
		known = address_of(&client->address,
						   MHD_get_connection_info(connection,
												   MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
		client->guard = guard_create(MHD_get_connection_info(connection,
															 MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
									 known && !behind_proxy ? &client->address : NULL);
		*context = client;
	}
	else
	{
		finish(client, MHD_REQUEST_TERMINATED_WITH_ERROR);
		guard_free(client->guard);
		free(client);
		*context = NULL;
	}
}

/* Mostly about clients that went away. */
static void
log_library(void *arg, const char *format, va_list args)
{
	char	   *message;

	(void) arg;
	if (!log_wanted(LOG_DEBUG))
		return;
	if (vasprintf(&message, format, args) < 0)
		return;
	log_message(LOG_DEBUG, "%s", message);
	free(message);
}

static void
die(void *arg, const char *file, unsigned int line, const char *reason)
{
	(void) arg;
	log_message(LOG_ERROR, "libmicrohttpd gave up at %s:%u: %s", file, line,
				reason == NULL ? "" : reason);
	abort();
}

/*
 * What a request escapes.  Since 1.0 the library would answer a "%" without digits
 * itself, and not as an API does; here it stays what it is, and names nothing.
 */
static size_t
unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	(void) arg;
	(void) connection;
	return MHD_http_unescape(text);
}

bool
server_start(int listener, const Pools *pools, bool proxy)
{
	behind_proxy = proxy;
	server_pools = pools;
	MHD_set_panic_func(die, NULL);
	daemon_handle = MHD_start_daemon(
									 MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
									 MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
									 0, NULL, NULL, handle, NULL,
									 MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
									 MHD_OPTION_LISTEN_SOCKET, listener,
									 MHD_OPTION_CONNECTION_LIMIT, (unsigned int) MAX_CONNECTIONS,
									 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY,
									 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) CONNECTION_TIMEOUT,
									 MHD_OPTION_THREAD_STACK_SIZE, (size_t) STACK_SIZE,
									 MHD_OPTION_STRICT_FOR_CLIENT, 1,
									 MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
									 MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
									 MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
									 MHD_OPTION_NOTIFY_CONNECTION, notify_connection, NULL,
									 MHD_OPTION_END);
	return daemon_handle != NULL;
}

void
server_begin_stop(void)
{
	MHD_socket	listener;

	reply_begin_stop();
	download_begin_stop();
	events_begin_stop();

	/* who connects now is refused at once, not left to wait for nobody */
	listener = MHD_quiesce_daemon(daemon_handle);
	if (listener != MHD_INVALID_SOCKET)
		shutdown(listener, SHUT_RDWR);
}

int
server_active(void)
{
	return __atomic_load_n(&active, __ATOMIC_RELAXED);
}

void
server_stop(void)
{
	MHD_stop_daemon(daemon_handle);
}
