/*
 * session.c
 *	  One connection to the database, ready for the gateway's statements.
 *
 * Invariant: a session is either given out whole, with every statement prepared,
 * or closed; opening it takes no longer than its caller said.
 */
#include "session.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "memory.h"

/*
 * Seconds for each of the connection's servers; and milliseconds for what a new
 * session is asked, however long connecting took.
 */
#define CONNECT_TIMEOUT	"4"
#define MIN_ANSWER_MS	1000

/*
 * Nothing a session runs takes long but a POST that builds at once.  A
 * transaction is one pipeline, so none is ever left open, unless this process
 * is stopped in the middle of one.
 */
static const char settings[] =
"SET search_path = pg_catalog, pg_temp;"
"SET statement_timeout = '30s';"
"SET idle_in_transaction_session_timeout = '30s'";

#define EXTENSION_COLUMNS(FIRST, NEXT) \
	FIRST(EXTENSION_SCHEMA, "quote_ident(n.nspname)") \
	NEXT(EXTENSION_ROLE, "current_user") \
	NEXT(EXTENSION_ROLE_LITERAL, "quote_literal(current_user)") \
	NEXT(EXTENSION_SUPERUSER, "r.rolsuper") \
	NEXT(EXTENSION_USAGE, "has_schema_privilege(n.oid, 'USAGE')") \
	NEXT(EXTENSION_EXECUTE, \
		 "(SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE'))" \
		 " FROM pg_proc p" \
		 " WHERE p.pronamespace = n.oid" \
		 " AND p.proname IN ('rde_login', 'rde_login_signed', 'rde_issue_token', 'rde_poll_events', 'rde_list_reports', 'rde_get_report'," \
		 " 'rde_report_manifest', 'rde_request_report', 'rde_redeem'," \
		 " 'rde_report_file', 'rde_chunk'))")

enum ExtensionColumn
{
	EXTENSION_COLUMNS(COLUMN_AS_NAME, COLUMN_AS_NAME)
};

static const char find_extension[] =
SELECT(EXTENSION_COLUMNS)
" FROM pg_extension e"
" JOIN pg_namespace n ON n.oid = e.extnamespace"
" JOIN pg_roles r ON r.rolname = current_user"
" WHERE e.extname = 'rde'";

static void
ignore_notice(void *arg, const PGresult *notice)
{
	(void) arg;
	(void) notice;
}

static PGconn *
connect_to(const char *conninfo)
{
	/* What stands before dbname is a default, what stands after it is not. */
	const char *const keywords[] = {
		"application_name", "connect_timeout", "keepalives_idle",
		"keepalives_interval", "keepalives_count", "tcp_user_timeout",
		"dbname", "client_encoding", NULL
	};
	const char *const values[] = {
		"rde-gateway", CONNECT_TIMEOUT, "10", "5", "3", "30000", conninfo, "UTF8", NULL
	};

	return PQconnectdbParams(keywords, values, 1);
}

static char *printed(const char *format,...)
			__attribute__((format(printf, 1, 2)));

static char *
printed(const char *format,...)
{
	va_list		args;
	char	   *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text;
}

/* A session that is being opened, and until when. */
typedef struct Opening
{
	PGconn	   *conn;
	int64_t		begun;
	int64_t		until;
	char	   *error;			/* NULL: none so far, or the connection's */
} Opening;

/* Is there something to read in time? */
static bool
wait_for_server(Opening *opening)
{
	struct pollfd socket = {.fd = PQsocket(opening->conn),.events = POLLIN};
	int64_t		left = opening->until - clock_ms();

	if (left > 0 && poll(&socket, 1, left) != 0)
		return true;
	opening->error = printed("no answer within %lld seconds; of a pooler, "
							 "all servers may be taken",
							 (long long) (clock_ms() - opening->begun + 500) / 1000);
	return false;
}

/*
 * The last result of what was sent, if the server answers in time; PQexec() and
 * its kin would wait for ever.
 */
static PGresult *
take_answer(Opening *opening, int sent)
{
	PGresult   *last = NULL;
	PGresult   *next;

	while (sent)
	{
		if (PQisBusy(opening->conn))
		{
			if (!wait_for_server(opening) || !PQconsumeInput(opening->conn))
				break;
			continue;
		}
		next = PQgetResult(opening->conn);
		if (next == NULL)
			return last;
		PQclear(last);
		last = next;
		if (PQresultStatus(last) == PGRES_FATAL_ERROR &&
			PQstatus(opening->conn) != CONNECTION_OK)
			return last;
	}
	PQclear(last);
	return NULL;
}

static PGresult *
ask(Opening *opening, const char *sql)
{
	return take_answer(opening, PQsendQuery(opening->conn, sql));
}

static void
keep_error(Opening *opening)
{
	if (opening->error == NULL)
		opening->error = memory_copy(PQerrorMessage(opening->conn));
}

static bool
find_schema(Opening *opening, char **schema)
{
	static bool warned = false;
	PGresult   *result = ask(opening, find_extension);
	char	  **error = &opening->error;
	bool		good = false;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		keep_error(opening);
	else if (PQntuples(result) == 0)
		*error = memory_copy("the database lacks the extension \"rde\"");
	else if (PQgetvalue(result, 0, EXTENSION_USAGE)[0] != 't')
		*error = printed("role \"%s\" may not use schema %s; "
						 "run GRANT USAGE ON SCHEMA %s TO that role",
						 PQgetvalue(result, 0, EXTENSION_ROLE), PQgetvalue(result, 0, EXTENSION_SCHEMA),
						 PQgetvalue(result, 0, EXTENSION_SCHEMA));
	else if (PQgetvalue(result, 0, EXTENSION_EXECUTE)[0] != 't')
		*error = printed("role \"%s\" has no gateway's rights; "
						 "grant them by rde_grant(%s, 'gateway')",
						 PQgetvalue(result, 0, EXTENSION_ROLE), PQgetvalue(result, 0, EXTENSION_ROLE_LITERAL));
	else
	{
		if (PQgetvalue(result, 0, EXTENSION_SUPERUSER)[0] == 't' &&
			!__atomic_exchange_n(&warned, true, __ATOMIC_RELAXED))
			log_message(LOG_WARNING, "role \"%s\" is a superuser; a gateway should "
						"connect as a role that has a gateway's rights and no others",
						PQgetvalue(result, 0, EXTENSION_ROLE));
		*schema = memory_copy(PQgetvalue(result, 0, EXTENSION_SCHEMA));
		good = true;
	}
	PQclear(result);
	return good;
}

static void
keep_prepare_error(Opening *opening, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (sqlstate != NULL && strcmp(sqlstate, "42P05") == 0)
		opening->error = printed("a new session has statements of another one (42P05); "
								 SESSION_POOLING);
	else
		keep_error(opening);
}

static bool
prepare(Opening *opening, const char *schema)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
	{
		const Oid  *types = statement_types(i);
		char	   *sql = statement_sql(i, schema);
		int			count = 0;
		PGresult   *result;
		bool		good;

		while (count < STATEMENT_MAX_PARAMETERS && types[count] != 0)
			count++;
		result = take_answer(opening, PQsendPrepare(opening->conn, statement_name(i),
													sql, count, types));
		good = PQresultStatus(result) == PGRES_COMMAND_OK;
		if (!good)
			keep_prepare_error(opening, result);
		PQclear(result);
		free(sql);
		if (!good)
			return false;
	}
	return true;
}

static bool
set_up(Opening *opening)
{
	PGresult   *result = ask(opening, settings);
	char	   *schema = NULL;
	bool		good = PQresultStatus(result) == PGRES_COMMAND_OK &&
	find_schema(opening, &schema) &&
	prepare(opening, schema) &&
	PQenterPipelineMode(opening->conn) == 1;

	PQclear(result);
	free(schema);
	return good;
}

PGconn *
session_open(const char *conninfo, int64_t until, char **error)
{
	Opening		opening = {.begun = clock_ms()};

	opening.conn = connect_to(conninfo);
	opening.until = until > clock_ms() + MIN_ANSWER_MS ? until :
		clock_ms() + MIN_ANSWER_MS;
	PQsetNoticeReceiver(opening.conn, ignore_notice, NULL);
	if (PQstatus(opening.conn) == CONNECTION_OK && set_up(&opening))
		return opening.conn;
	keep_error(&opening);
	*error = opening.error;
	PQfinish(opening.conn);
	return NULL;
}

/*
 * An idle session has nothing to say.  If there is something to read, it is
 * the server's goodbye, or the end.
 */
bool
session_is_alive(PGconn *conn)
{
	struct pollfd socket = {.fd = PQsocket(conn),.events = POLLIN};

	return PQstatus(conn) == CONNECTION_OK && poll(&socket, 1, 0) == 0;
}
