/*
 * health.c
 *	  GET /health: can requests be answered, those of strangers too?
 *
 * Invariant: the database is asked at most once a second for each pool, however
 * often anybody asks here, for nobody has to log in to ask.
 */
#include "health.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "reply.h"

static const char healthy_body[] = "{\"status\":\"ok\"}";

static bool
answers(Pool *pool, const char *what)
{
	const Caller caller = {.pool = pool,.client = {.use = POOL_SHORT},.what = what};
	Call		call;
	Failure		failure;
	PGresult   *answer;

	call_begin(&call, STATEMENT_PING);
	answer = call_run(&caller, &call, 1, &failure);
	if (answer == NULL)
		failure_clear(&failure);
	PQclear(answer);
	return answer != NULL;
}

/*
 * The same for each second of the clock.  Strangers may keep all of their
 * sessions busy as long as they like; that they are there is enough.
 */
static bool
is_healthy(const Pools *pools, const char *what)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static time_t asked_at = 0;
	static bool healthy = false;
	bool		result;

	pthread_mutex_lock(&lock);
	if (clock_seconds() != asked_at)
	{
		healthy = answers(pools->verified, what) &&
			(pool_is_busy(pools->unverified) ||
			 answers(pools->unverified, what));
		asked_at = clock_seconds();
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
