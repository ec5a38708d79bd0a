/*
 * http.c
 *	  Requests to the Blob service over libcurl.
 *
 * Invariant: whatever libcurl allocates hangs on the memory context the handle
 * was made in; no callback of ours raises an error or allocates; and this
 * process waits on its latch, never in libcurl.
 */
#include "http.h"

#include <curl/curl.h>
#include <signal.h>
#include <time.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "shared_key.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define CONNECT_TIMEOUT 10		/* seconds */

/* Sockets of one request: its connection, and a resolver's or a second try's. */
#define MAX_SOCKETS		8

/* An interrupt is noticed by the latch; this bounds what else may be missed. */
#define MAX_WAIT_MS		1000

/* Bytes of a reply, headers and body: those of the service are far shorter. */
#define MAX_REPLY		(64 * 1024)

typedef struct Watch
{
	curl_socket_t socket;
	int			what;			/* CURL_POLL_... */
} Watch;

struct AzureHttp
{
	MemoryContextCallback release;
	CURLM	   *multi;
	CURL	   *easy;
	struct curl_slist *headers;
	Watch		watches[MAX_SOCKETS];
	int			watch_count;
	TimestampTz wake;			/* when libcurl wants to be called; 0: never */
	char		failure[CURL_ERROR_SIZE];
};

static void
release(void *arg)
{
	AzureHttp  *http = arg;

	if (http->multi && http->easy)
		curl_multi_remove_handle(http->multi, http->easy);
	curl_easy_cleanup(http->easy);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->headers);
}

static int
watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg,
			 void *socket_arg)
{
	AzureHttp  *http = arg;
	int			i = 0;

	while (i < http->watch_count && http->watches[i].socket != socket)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < http->watch_count)
			http->watches[i] = http->watches[--http->watch_count];
	}
	else if (i < MAX_SOCKETS)
	{
		/* one too many is looked at when libcurl's timer is due */
		http->watches[i].socket = socket;
		http->watches[i].what = what;
		if (i == http->watch_count)
			http->watch_count++;
	}
	return 0;
}

static int
set_timer(CURLM *multi, long ms, void *arg)
{
	AzureHttp  *http = arg;

	http->wake = ms < 0 ? 0 :
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	return 0;
}

AzureHttp *
azure_http_create(void)
{
	static bool initialized = false;
	AzureHttp  *http = palloc0(sizeof(AzureHttp));

	if (!initialized && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("libcurl cannot be initialized")));
	initialized = true;
	http->release.func = release;
	http->release.arg = http;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &http->release);
	http->multi = curl_multi_init();
	http->easy = curl_easy_init();
	if (http->multi == NULL || http->easy == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	/* who is interrupted does not wait for a resolver that has no answer */
#if LIBCURL_VERSION_NUM >= 0x081400
	curl_multi_setopt(http->multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	return http;
}

/* As if nothing had come; how much has come is counted all the same. */
static void
forget(AzureReply *reply)
{
	size_t		size = reply->size;

	memset(reply, 0, sizeof(AzureReply));
	reply->size = size;
	reply->content_length = -1;
}

/* Copy what is printable of a header's value, as much as there is room for. */
static void
copy_value(char *to, size_t size, const char *value, size_t length)
{
	size_t		n = 0;

	for (size_t i = 0; i < length && n < size - 1; i++)
	{
		if (value[i] > ' ' && value[i] <= '~')
			to[n++] = value[i];
	}
	to[n] = '\0';
}

static bool
header_is(const char *line, size_t length, const char *name)
{
	size_t		n = strlen(name);

	return length > n && line[n] == ':' && pg_strncasecmp(line, name, n) == 0;
}

static size_t
take_header(char *line, size_t size, size_t count, void *arg)
{
	AzureReply *reply = arg;
	size_t		length = size * count;
	const char *value = memchr(line, ':', length);
	size_t		rest;
	char		number[24];

	reply->size += length;
	if (reply->size > MAX_REPLY)
		return 0;
	/* what stood before the last status line was of an interim reply */
	if (length > 5 && strncmp(line, "HTTP/", 5) == 0)
		forget(reply);
	if (value == NULL)
		return length;
	value++;
	rest = length - (value - line);
	if (header_is(line, length, "x-ms-error-code"))
		copy_value(reply->error_code, sizeof(reply->error_code), value, rest);
	else if (header_is(line, length, "x-ms-request-id"))
		copy_value(reply->request_id, sizeof(reply->request_id), value, rest);
	else if (header_is(line, length, "x-ms-copy-status"))
		copy_value(reply->copy_status, sizeof(reply->copy_status), value, rest);
	else if (header_is(line, length, "x-ms-meta-sha256"))
		copy_value(reply->sha256, sizeof(reply->sha256), value, rest);
	else if (header_is(line, length, "Content-MD5"))
		copy_value(reply->md5, sizeof(reply->md5), value, rest);
	else if (header_is(line, length, "Content-Length"))
	{
		copy_value(number, sizeof(number), value, rest);
		reply->content_length = strtoll(number, NULL, 10);
	}
	else if (header_is(line, length, "Retry-After"))
	{
		/* in seconds; a date is taken for not said */
		copy_value(number, sizeof(number), value, rest);
		reply->retry_after = Max(0, Min(atoi(number), SECS_PER_HOUR));
	}
	return length;
}

/* Bodies of replies are of no use to us. */
static size_t
drop_body(char *data, size_t size, size_t count, void *arg)
{
	AzureReply *reply = arg;

	reply->size += size * count;
	return reply->size > MAX_REPLY ? 0 : size * count;
}

static void
add_header(AzureHttp *http, const char *name, const char *value)
{
	/* "Name:" takes away what libcurl would send */
	struct curl_slist *longer =
	curl_slist_append(http->headers,
					  *value ? psprintf("%s: %s", name, value) :
					  psprintf("%s:", name));

	if (longer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	http->headers = longer;
}

/* Now, as HTTP writes dates; the session's lc_time has no part in it. */
static const char *
http_date(void)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu",
	"Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May",
	"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t		now = time(NULL);
	struct tm	utc;

	if (gmtime_r(&now, &utc) == NULL)
		elog(ERROR, "clock out of range");
	return psprintf("%s, %02d %s %04d %02d:%02d:%02d GMT",
					days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
					utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static void
set_headers(AzureHttp *http, const AzureServer *server,
			const AzureRequest *request)
{
	const char *date = http_date();

	curl_slist_free_all(http->headers);
	http->headers = NULL;
	add_header(http, "Expect", "");
	add_header(http, "Content-Type",
			   request->content_type ? request->content_type : "");
	if (request->content_md5)
		add_header(http, "Content-MD5", request->content_md5);
	if (request->if_none_match)
		add_header(http, "If-None-Match", request->if_none_match);
	for (int i = 0; i < request->header_count; i++)
		add_header(http, request->headers[i].name, request->headers[i].value);
	add_header(http, "x-ms-date", date);
	add_header(http, "x-ms-version", AZURE_VERSION);
	add_header(http, "Authorization",
			   azure_authorization(server, request, date));
}

static void
set_options(AzureHttp *http, const AzureServer *server,
			const AzureRequest *request, AzureReply *reply)
{
	CURL	   *easy = http->easy;

	curl_easy_reset(easy);
	http->failure[0] = '\0';
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->failure);
	curl_easy_setopt(easy, CURLOPT_URL, azure_request_url(server, request));
	/* the handlers of SIGALRM and SIGPIPE are the server's */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* as above, for earlier versions */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
					 server->loopback ? "http,https" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	if (server->loopback)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT,
					 (long) Min(CONNECT_TIMEOUT, server->timeout));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long) server->timeout);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "rde_azure");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, reply);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
						 request->body ? request->body : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
						 (curl_off_t) request->body_length);
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	}
}

/*
 * Let libcurl go on: with a socket that is ready, or with CURL_SOCKET_TIMEOUT.
 * Its resolver's threads inherit a mask that leaves signals to this one.
 */
static int
go_on(AzureHttp *http, curl_socket_t socket, int ready)
{
	sigset_t	all;
	sigset_t	old;
	int			running = 0;
	CURLMcode	code;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	code = curl_multi_socket_action(http->multi, socket, ready, &running);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (code != CURLM_OK)
		elog(ERROR, "libcurl: %s", curl_multi_strerror(code));
	return running;
}

/* How long until libcurl wants to be called, at most MAX_WAIT_MS */
static long
wait_ms(const AzureHttp *http)
{
	if (http->wake == 0)
		return MAX_WAIT_MS;
	return Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
											   http->wake), MAX_WAIT_MS);
}

/* Wait for a socket, the timer, or the latch.  Returns how many still run. */
static int
wait_and_go_on(AzureHttp *http)
{
	WaitEventSet *set = rde_create_wait_event_set(MAX_SOCKETS + 2);
	WaitEvent	events[MAX_SOCKETS + 2];
	int			count;
	int			running = 1;
	bool		due;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < http->watch_count; i++)
	{
		const Watch *watch = &http->watches[i];

		if (watch->what == CURL_POLL_NONE)
			continue;
		AddWaitEventToSet(set,
						  (watch->what & CURL_POLL_IN ? WL_SOCKET_READABLE : 0) |
						  (watch->what & CURL_POLL_OUT ? WL_SOCKET_WRITEABLE : 0),
						  watch->socket, NULL, NULL);
	}
	count = WaitEventSetWait(set, wait_ms(http), events, lengthof(events),
							 PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);

	for (int i = 0; i < count; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		else
			running = go_on(http, events[i].fd,
							(events[i].events & WL_SOCKET_READABLE ? CURL_CSELECT_IN : 0) |
							(events[i].events & WL_SOCKET_WRITEABLE ? CURL_CSELECT_OUT : 0));
	}
	due = http->wake != 0 && http->wake <= GetCurrentTimestamp();
	if (due)
		http->wake = 0;

	/*
	 * When nothing has happened for a while it is libcurl's turn, too: it
	 * goes by a clock of its own, and ours may have been set back.
	 */
	if (running > 0 && (due || count == 0))
		running = go_on(http, CURL_SOCKET_TIMEOUT, 0);
	CHECK_FOR_INTERRUPTS();
	return running;
}

/* What became of the transfer that has ended. */
static CURLcode
outcome(AzureHttp *http)
{
	CURLMsg    *message;
	int			left;
	CURLcode	code = CURLE_RECV_ERROR;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
	{
		if (message->msg == CURLMSG_DONE)
			code = message->data.result;
	}
	return code;
}

void
azure_http_perform(AzureHttp *http, const AzureServer *server,
				   const AzureRequest *request, AzureReply *reply)
{
	CURLcode	code;
	long		status = 0;
	bool		endless;

	reply->size = 0;
	forget(reply);
	/* it may be there still, if the last request was interrupted */
	curl_multi_remove_handle(http->multi, http->easy);
	set_headers(http, server, request);
	set_options(http, server, request, reply);
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		elog(ERROR, "libcurl does not take a request");
	while (wait_and_go_on(http) > 0)
		;
	code = outcome(http);
	curl_multi_remove_handle(http->multi, http->easy);
	if (code == CURLE_OK)
	{
		curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
		reply->status = (int) status;
		return;
	}
	/* part of a reply is none */
	endless = reply->size > MAX_REPLY;
	forget(reply);
	strlcpy(reply->failure, endless ? "the reply is too long" :
			*http->failure ? http->failure : curl_easy_strerror(code),
			sizeof(reply->failure));
	/* a certificate's names may be in there, in whatever encoding */
	for (char *c = reply->failure; *c; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}
