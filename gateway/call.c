/*
 * call.c
 *	  Calls of the extension's functions, and what their errors are in HTTP.
 *
 * Invariant: the calls of a transaction are one pipeline.  The server runs what
 * stands before a Sync as one transaction, and rolls it back at the Sync if one
 * of them failed; so no session is ever given back with one open.
 */
#include "call.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

/* Something is wrong with the gateway's rights or the extension, not with the
 * request: these are not the client's to know. */
static const char *const our_errors[] = {
	"26000",					/* prepared statement is gone */
	"0A000",					/* or returns something else by now */
	"3F000", "42P01", "42883",	/* so is what it calls */
	"25001",					/* logged in twice */
};

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

void
failure_set(Failure *failure, int status, int retry_after, const char *message)
{
	failure->status = status;
	failure->retry_after = retry_after;
	failure->message = memory_copy(message);
}

static bool
in_class(const char *sqlstate, const char *class)
{
	return strncmp(sqlstate, class, strlen(class)) == 0;
}

static bool
is_our_error(const PGresult *error, const char *sqlstate, Statement statement)
{
	const char *raised_by = PQresultErrorField(error, PG_DIAG_SOURCE_FUNCTION);

	for (size_t i = 0; i < sizeof(our_errors) / sizeof(our_errors[0]); i++)
	{
		if (strcmp(sqlstate, our_errors[i]) == 0)
			return true;
	}
	/* the server says so of a right this role lacks, rde of a client's */
	if (strcmp(sqlstate, "42501") == 0 && raised_by != NULL &&
		strcmp(raised_by, "aclcheck_error") == 0)
		return true;
	/* logging in is refused by 28000 alone */
	return statement == STATEMENT_LOGIN && in_class(sqlstate, "42");
}

/* Which status an error is; 500 if it is none the client can do about. */
static int
http_status(const PGresult *error, const char *sqlstate, Statement statement,
			int *retry_after)
{
	*retry_after = 0;
	if (is_our_error(error, sqlstate, statement))
		return 500;
	if (in_class(sqlstate, "28"))
		return 401;
	if (strcmp(sqlstate, "42501") == 0)
		return 403;
	if (strcmp(sqlstate, "42704") == 0)
		return statement == STATEMENT_REQUEST ? 400 : 404;
	if (strcmp(sqlstate, "53400") == 0)
	{
		*retry_after = 60;
		return 429;
	}
	if (strcmp(sqlstate, "25006") == 0)
	{
		/* a standby; the next primary, perhaps */
		*retry_after = 60;
		return 503;
	}
	if (in_class(sqlstate, "08") || in_class(sqlstate, "57P") ||
		in_class(sqlstate, "40") ||
		strcmp(sqlstate, "57014") == 0 || strcmp(sqlstate, "53300") == 0 ||
		strcmp(sqlstate, "55P03") == 0)
	{
		*retry_after = 1;
		return 503;
	}
	/* the file is on its way to its store; pieces of it are no longer here */
	if (strcmp(sqlstate, "55000") == 0 &&
		(statement == STATEMENT_REDEEM || statement == STATEMENT_FILE))
	{
		*retry_after = 30;
		return 503;
	}
	/* whatever is wrong with a link, text that is none included */
	if (in_class(sqlstate, "22") &&
		(statement == STATEMENT_REDEEM || statement == STATEMENT_REDEEM_PIECE))
		return 403;
	if (in_class(sqlstate, "22") || in_class(sqlstate, "42") ||
		in_class(sqlstate, "54") ||
		strcmp(sqlstate, "55000") == 0)
		return 400;
	return 500;
}

/* The server's own words, with what to do about it where that helps. */
static char *
client_message(const PGresult *error, Statement statement, int status)
{
	char	   *message;
	size_t		size;
	FILE	   *out = open_memstream(&message, &size);
	const char *primary = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(error, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(error, PG_DIAG_MESSAGE_HINT);

	if (status == 403 &&
		(statement == STATEMENT_REDEEM || statement == STATEMENT_REDEEM_PIECE))
		primary = LINK_NOT_VALID;
	if (out == NULL)
		abort();
	fputs(primary == NULL ? "unknown error" : primary, out);
	if (status == 400 || status == 429 || status == 503)
	{
		if (detail != NULL)
			fprintf(out, "; %s", detail);
		if (hint != NULL)
			fprintf(out, "; %s", hint);
	}
	if (fclose(out) != 0)
		abort();
	return message;
}

static void
set_failure(Failure *failure, const PGconn *conn, const PGresult *error,
			Statement statement, const char *what)
{
	const char *sqlstate = NULL;

	if (error != NULL)
		sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
	if (sqlstate == NULL)
	{
		log_message(LOG_WARNING, "%s: connection lost in \"%s\": %s", what,
					session_statement_name(statement), PQerrorMessage(conn));
		failure_set(failure, 503, 1, "the database cannot be reached just now");
		return;
	}
	failure->status = http_status(error, sqlstate, statement,
								  &failure->retry_after);
	if (failure->status < 500)
	{
		failure->message = client_message(error, statement, failure->status);
		return;
	}
	log_message(failure->status == 500 ? LOG_ERROR : LOG_WARNING,
				"%s: error %s in \"%s\": %s", what, sqlstate,
				session_statement_name(statement),
				PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY));
	if (failure->status == 500)
		failure->message = memory_copy("internal error, see the log for this correlation id");
	else if (strcmp(sqlstate, "25006") == 0 || strcmp(sqlstate, "55000") == 0)
		failure->message = client_message(error, statement, failure->status);
	else
		failure->message = memory_copy("the database cannot answer just now");
}

static bool
send_calls(PGconn *conn, const Call *calls, int count)
{
	for (int i = 0; i < count; i++)
	{
		const Call *call = &calls[i];
		int			formats[STATEMENT_MAX_PARAMETERS];

		for (int p = 0; p < call->count; p++)
			formats[p] = call->lengths[p] > 0;
		if (!PQsendQueryPrepared(conn, session_statement_name(call->statement),
								 call->count, call->values, call->lengths,
								 formats, call->binary))
			return false;
	}
	return PQpipelineSync(conn) == 1;
}

PGresult *
call_run(Pool *pool, PoolUse use, const Call *calls, int count,
		 const char *what, Failure *failure)
{
	PGconn	   *conn = pool_take(pool, use);
	PGresult   *last = NULL;
	PGresult   *error = NULL;
	int			done = 0;		/* calls answered */
	int			sent = count;
	bool		synced = false;
	bool		good;

	if (conn == NULL)
	{
		failure_set(failure, 503, 1, "the database cannot be reached just now");
		return NULL;
	}
	if (send_calls(conn, calls, count))
	{
		/* each call: a result, then NULL; then that of the Sync */
		while (!synced && PQstatus(conn) == CONNECTION_OK)
		{
			PGresult   *result = PQgetResult(conn);

			if (result == NULL)
			{
				if (done++ > sent)
					break;		/* cannot happen; never go round for ever */
				continue;
			}
			switch (PQresultStatus(result))
			{
				case PGRES_PIPELINE_SYNC:
					synced = true;
					break;
				case PGRES_TUPLES_OK:
					PQclear(last);
					last = result;
					result = NULL;
					break;
				case PGRES_FATAL_ERROR:
					if (error == NULL)
					{
						error = result;
						result = NULL;
						/* the one that failed, or COMMIT after the last */
						if (done < count)
							count = done + 1;
					}
					break;
				default:		/* PGRES_PIPELINE_ABORTED, after an error */
					break;
			}
			PQclear(result);
		}
	}
	good = synced && error == NULL && last != NULL && PQntuples(last) > 0;
	if (!good)
	{
		const char *sqlstate = NULL;

		if (synced && error == NULL)
			failure_set(failure, 404, 0, "there is no such report");
		else
			set_failure(failure, conn, error, calls[count - 1].statement, what);
		PQclear(last);
		last = NULL;
		if (error != NULL)
			sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
		/* a session whose statements went stale is made anew */
		if (sqlstate != NULL &&
			is_our_error(error, sqlstate, calls[count - 1].statement))
			synced = false;
	}
	PQclear(error);
	pool_give(pool, conn, use, synced);
	return last;
}
