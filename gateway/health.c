/*
 * health.c
 *	  GET /health: can requests be answered?
 *
 * Invariant: the database is asked at most once a second, however often anybody
 * asks here, for nobody has to log in to ask.
 */
#include "health.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "reply.h"

static const char healthy_body[] = "{\"status\":\"ok\"}";

/* The same for each second of the clock. */
static bool
is_healthy(const Pools *pools, const char *what)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static time_t asked_at = -1;
	static bool healthy = false;
	struct timespec now;
	bool		result;

	pthread_mutex_lock(&lock);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != asked_at)
	{
		Call		call;
		Failure		failure;
		PGresult   *answer;

		call_begin(&call, STATEMENT_PING);
		answer = call_run(pools->verified, POOL_SHORT, &call, 1, what, &failure);
		healthy = answer != NULL;
		if (!healthy)
			free(failure.message);
		PQclear(answer);
		clock_gettime(CLOCK_MONOTONIC, &now);
		asked_at = now.tv_sec;
	}
	result = healthy;
	pthread_mutex_unlock(&lock);
	return result;
}

enum MHD_Result
health_get(Request *request)
{
	struct MHD_Response *response;

	if (!is_healthy(request->pools, request->correlation_id))
	{
		Failure		failure;

		failure_set(&failure, 503, 1, "the database cannot be reached just now");
		return reply_failure(request, &failure);
	}
	response = MHD_create_response_from_buffer(sizeof(healthy_body) - 1,
											   (void *) healthy_body,
											   MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	reply_header(response, "Content-Type", "application/json; charset=utf-8");
	reply_header(response, "Cache-Control", "no-store");
	return reply_send(request, response, MHD_HTTP_OK, sizeof(healthy_body) - 1);
}
