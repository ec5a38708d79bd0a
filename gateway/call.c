/*
 * call.c
 *	  Calls of the extension's functions.
 *
 * Invariant: the calls of a transaction are one pipeline.  The server runs what
 * stands before a Sync as one transaction, and rolls it back at the Sync if one
 * of them failed; so no session is ever given back with one open.
 */
#include "call.h"

#include <string.h>

void
call_begin(Call *call, Statement statement)
{
	memset(call, 0, sizeof(Call));
	call->statement = statement;
}

void
call_add(Call *call, const char *value)
{
	call->values[call->count++] = value;
}

void
call_add_bytes(Call *call, const unsigned char *bytes, int length)
{
	call->lengths[call->count] = length;
	call->values[call->count++] = (const char *) bytes;
}

/* What came of a pipeline. */
typedef struct Outcome
{
	PGresult   *last;			/* rows of the last call that had some */
	PGresult   *error;			/* the first one */
	int			failed;			/* the call that failed, or the last */
	bool		synced;			/* the server came to the end of it */
} Outcome;

static bool
send_calls(PGconn *conn, const Call *calls, int count)
{
	for (int i = 0; i < count; i++)
	{
		const Call *call = &calls[i];
		int			formats[STATEMENT_MAX_PARAMETERS];

		for (int p = 0; p < call->count; p++)
			formats[p] = call->lengths[p] > 0;
		if (!PQsendQueryPrepared(conn, statement_name(call->statement),
								 call->count, call->values, call->lengths,
								 formats, call->binary))
			return false;
	}
	return PQpipelineSync(conn) == 1;
}

/* Take one result; done is how many calls have been answered. */
static void
take_result(Outcome *outcome, PGresult *result, int done)
{
	switch (PQresultStatus(result))
	{
		case PGRES_PIPELINE_SYNC:
			outcome->synced = true;
			break;
		case PGRES_TUPLES_OK:
			PQclear(outcome->last);
			outcome->last = result;
			return;
		case PGRES_FATAL_ERROR:
			if (outcome->error != NULL)
				break;
			outcome->error = result;
			/* the one that failed, or COMMIT after the last */
			if (done < outcome->failed)
				outcome->failed = done;
			return;
		default:				/* PGRES_PIPELINE_ABORTED, after an error */
			break;
	}
	PQclear(result);
}

/* Each call: a result, then NULL; then that of the Sync. */
static void
take_results(PGconn *conn, int count, Outcome *outcome)
{
	int			done = 0;

	while (!outcome->synced && PQstatus(conn) == CONNECTION_OK)
	{
		PGresult   *result = PQgetResult(conn);

		if (result != NULL)
			take_result(outcome, result, done);
		else if (done++ > count)
			break;				/* cannot happen; never go round for ever */
	}
}

static void
no_session(PoolAnswer answer, Failure *failure)
{
	if (answer == POOL_AWAY)
		failure_set(failure, 503, 1, "the database cannot be reached just now");
	else if (answer == POOL_BUSY)
		failure_set(failure, 503, 1, "all sessions are busy just now");
	else
		failure_set(failure, 429, 1,
					"this account has as many requests running as it may have at once");
}

PGresult *
call_run(const Caller *caller, const Call *calls, int count, Failure *failure)
{
	PoolAnswer	answer;
	PGconn	   *conn = pool_take(caller->pool, &caller->client, &answer);
	Outcome		outcome = {.failed = count - 1};
	Statement	failed;

	if (conn == NULL)
	{
		no_session(answer, failure);
		return NULL;
	}
	if (send_calls(conn, calls, count))
		take_results(conn, count, &outcome);
	failed = calls[outcome.failed].statement;
	if (!outcome.synced || outcome.error != NULL || outcome.last == NULL ||
		PQntuples(outcome.last) == 0)
	{
		if (outcome.synced && outcome.error == NULL)
			failure_set(failure, 404, 0, "there is no such report");
		else
			failure_set_error(failure, conn, outcome.error, failed,
							  caller->what);
		PQclear(outcome.last);
		outcome.last = NULL;
		/* a session whose statements went stale is made anew */
		if (failure_ends_session(outcome.error, failed))
			outcome.synced = false;
	}
	PQclear(outcome.error);
	pool_give(caller->pool, conn, &caller->client, outcome.synced);
	return outcome.last;
}
