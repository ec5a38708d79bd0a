/*
 * metrics.c
 *	  What the gateway counts of itself, in the text format of Prometheus.
 *
 * It is told by a listener of its own that answers nothing else: a proxy that
 * passes everything on to the other one cannot publish it.
 *
 * Invariant: a label's value is from a table of the program, never from a
 * request, so there are as many series on the last day as on the first, and none
 * names a tenant.  Counters are single atomic words; they need not agree with
 * each other to the last request.
 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "download.h"
#include "events.h"
#include "memory.h"
#include "reply.h"
#include "routes.h"
#include "share.h"

#define MAX_CONNECTIONS	8
#define TIMEOUT			10		/* seconds */

/* Upper bounds of the histogram, in milliseconds; one more has no bound. */
static const int bounds[] = {1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000};

#define BOUNDS			(sizeof(bounds) / sizeof(bounds[0]))

/* The first digit of the status; NO_REPLY if the client was gone before one. */
enum
{
	NO_REPLY,
	CLASSES = 6
};

static const char *const class_names[CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

/* Of those who were let in nowhere. */
enum
{
	REFUSED_CREDENTIALS,
	REFUSED_LINK,
	REFUSED_TOO_MANY,
	REASONS
};

static const char *const reason_names[REASONS] = {"credentials", "link", "too_many"};

typedef struct Series
{
	uint64_t	requests[CLASSES];
	uint64_t	within[BOUNDS + 1];
	uint64_t	us;
} Series;

static Series *series;			/* of each route, then of none; NULL: not
								 * wanted */
static uint64_t refused[REASONS];
static uint64_t downloads[2];	/* broken off, complete */
static uint64_t bytes_sent;
static time_t started;
static const Pools *pools;
static struct MHD_Daemon *listening;

static void
add(uint64_t *counter, uint64_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static unsigned long long
get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void
count_refused(const Request *request)
{
	if (request->status == MHD_HTTP_UNAUTHORIZED)
		add(&refused[REFUSED_CREDENTIALS], 1);
	else if (request->refused && request->status == MHD_HTTP_FORBIDDEN)
		add(&refused[REFUSED_LINK], 1);
	else if (request->refused && request->status == MHD_HTTP_TOO_MANY_REQUESTS)
		add(&refused[REFUSED_TOO_MANY], 1);
}

void
metrics_count(const Request *request, enum MHD_RequestTerminationCode how)
{
	Series	   *own;
	int64_t		us = clock_us() - request->started;
	size_t		i = 0;

	if (series == NULL)
		return;
	own = &series[routes_number(request->route)];
	add(&own->requests[request->status / 100 % CLASSES], 1);
	while (i < BOUNDS && us > bounds[i] * INT64_C(1000))
		i++;
	add(&own->within[i], 1);
	add(&own->us, us);
	count_refused(request);
	if (request->download != NULL)
		add(&downloads[how == MHD_REQUEST_TERMINATED_COMPLETED_OK &&
					   download_is_complete(request->download)], 1);
}

void
metrics_count_bytes(uint64_t bytes)
{
	add(&bytes_sent, bytes);
}

static void
head(FILE *out, const char *name, const char *type, const char *what)
{
	fprintf(out, "# HELP rde_gateway_%s %s\n# TYPE rde_gateway_%s %s\n", name, what, name, type);
}

/* The labels of a series, without its last one. */
static void
put_route(FILE *out, int number)
{
	const Route *route = routes_at(number);

	fprintf(out, "method=\"%s\",route=\"%s\"", route == NULL ? "other" : route->method,
			route == NULL ? "other" : route->pattern);
}

static void
put_requests(FILE *out)
{
	head(out, "requests_total", "counter", "Requests that have ended.");
	for (int i = 0; i <= routes_number(NULL); i++)
	{
		for (int class = 0; class < CLASSES; class++)
		{
			fputs("rde_gateway_requests_total{", out);
			put_route(out, i);
			fprintf(out, ",status=\"%s\"} %llu\n", class_names[class],
					get(&series[i].requests[class]));
		}
	}
}

static void
put_durations(FILE *out)
{
	static const char name[] = "rde_gateway_request_duration_seconds";

	head(out, "request_duration_seconds", "histogram",
		 "From a request's first line to the end of its reply.");
	for (int i = 0; i <= routes_number(NULL); i++)
	{
		unsigned long long count = 0;
		unsigned long long us = get(&series[i].us);

		for (size_t j = 0; j <= BOUNDS; j++)
		{
			count += get(&series[i].within[j]);
			fprintf(out, "%s_bucket{", name);
			put_route(out, i);
			if (j < BOUNDS)
				fprintf(out, ",le=\"%g\"} %llu\n", bounds[j] / 1e3, count);
			else
				fprintf(out, ",le=\"+Inf\"} %llu\n", count);
		}
		fprintf(out, "%s_sum{", name);
		put_route(out, i);
		fprintf(out, "} %.6f\n%s_count{", us / 1e6, name);
		put_route(out, i);
		fprintf(out, "} %llu\n", count);
	}
}

static void
put_pool(FILE *out, const char *what, int verified, int unverified)
{
	fprintf(out, "rde_gateway_pool_%s{pool=\"verified\"} %d\n", what, verified);
	fprintf(out, "rde_gateway_pool_%s{pool=\"unverified\"} %d\n", what, unverified);
}

static void
put_pools(FILE *out)
{
	PoolState	verified = pool_state(pools->verified);
	PoolState	unverified = pool_state(pools->unverified);

	head(out, "pool_size", "gauge", "Sessions of the database there may be.");
	put_pool(out, "size", verified.size, unverified.size);
	head(out, "pool_in_use", "gauge", "Sessions lent to a request, or being opened for one.");
	put_pool(out, "in_use", verified.lent, unverified.lent);
	head(out, "pool_waiting", "gauge", "Requests that wait for a session.");
	put_pool(out, "waiting", verified.waiting, unverified.waiting);
	head(out, "pool_up", "gauge", "0 if the last session could not be opened.");
	put_pool(out, "up", verified.up, unverified.up);
}

static void
put_all(FILE *out)
{
	head(out, "build_info", "gauge", "1; the version is a label.");
	fputs("rde_gateway_build_info{version=\"" RDE_VERSION "\"} 1\n", out);
	head(out, "start_time_seconds", "gauge", "When the gateway was started.");
	fprintf(out, "rde_gateway_start_time_seconds %lld\n", (long long) started);
	put_requests(out);
	put_durations(out);
	head(out, "logins_refused_total", "counter",
		 "Requests without valid credentials, by links that open nothing, and from addresses with too many of them.");
	for (int i = 0; i < REASONS; i++)
		fprintf(out, "rde_gateway_logins_refused_total{reason=\"%s\"} %llu\n",
				reason_names[i], get(&refused[i]));
	head(out, "downloads_running", "gauge", "Downloads under way.");
	fprintf(out, "rde_gateway_downloads_running %d\n", share_downloads());
	head(out, "downloads_total", "counter", "Downloads that have ended.");
	fprintf(out, "rde_gateway_downloads_total{result=\"complete\"} %llu\n", get(&downloads[true]));
	fprintf(out, "rde_gateway_downloads_total{result=\"broken_off\"} %llu\n", get(&downloads[false]));
	head(out, "download_bytes_total", "counter", "Bytes of files sent, also of downloads under way.");
	fprintf(out, "rde_gateway_download_bytes_total %llu\n", get(&bytes_sent));
	head(out, "event_streams", "gauge", "Streams of events that are open.");
	fprintf(out, "rde_gateway_event_streams %d\n", events_streams());
	put_pools(out);
}

/* What a scraper is told; it is no request of the API, and not counted as one. */
static enum MHD_Result
tell(void *arg, struct MHD_Connection *connection, const char *url,
	 const char *method, const char *version, const char *data,
	 size_t *size, void **state)
{
	static char seen;
	struct MHD_Response *response;
	enum MHD_Result result;
	char	   *body;
	size_t		length;
	FILE	   *out;
	int			status = MHD_HTTP_OK;

	(void) arg;
	(void) version;
	(void) data;
	if (*state == NULL || *size > 0)
	{
		*state = &seen;
		*size = 0;
		return MHD_YES;
	}
	if ((out = open_memstream(&body, &length)) == NULL)
		abort();
	if (strcmp(url, "/metrics") != 0)
		status = MHD_HTTP_NOT_FOUND;
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		status = MHD_HTTP_METHOD_NOT_ALLOWED;
	else
		put_all(out);
	if (status != MHD_HTTP_OK)
		fputs("GET /metrics is all there is\n", out);
	if (fclose(out) != 0)
		abort();
	response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		abort();
	reply_header(response, "Content-Type", "%s", status == MHD_HTTP_OK ?
				 "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8");
	reply_header(response, "Cache-Control", "no-store");
	reply_header(response, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		reply_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

bool
metrics_start(int listener, const Pools *all)
{
	pools = all;
	started = clock_real().tv_sec;
	series = memory_get((routes_number(NULL) + 1) * sizeof(Series));
	listening = MHD_start_daemon(
								 MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL,
								 0, NULL, NULL, tell, NULL,
								 MHD_OPTION_LISTEN_SOCKET, listener,
								 MHD_OPTION_CONNECTION_LIMIT, (unsigned int) MAX_CONNECTIONS,
								 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) TIMEOUT,
								 MHD_OPTION_END);
	return listening != NULL;
}

void
metrics_stop(void)
{
	if (listening == NULL)
		return;
	MHD_stop_daemon(listening);
	listening = NULL;
	free(series);
	series = NULL;
}
