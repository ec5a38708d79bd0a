/*
 * session.c
 *	  One connection to the database, ready for the gateway's statements.
 *
 * Invariant: SQL text is made here, of constants and of the extension's schema
 * as quote_ident() spells it.  Whatever a request brings is a bound parameter.
 */
#include "session.h"

#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

/* OIDs of types never change: pg_type.dat */
#define BOOLOID			16
#define BYTEAOID		17
#define INT4OID			23
#define FLOAT8OID		701
#define TEXTOID			25
#define JSONOID			114
#define DATEOID			1082
#define UUIDOID			2950

/* rde_redeem() and rde_report_file() return the same columns. */
#define FILE_COLUMNS \
	"reseller, name, file_name, media_type, file_bytes, sha256, row_count, " \
	"extract(epoch FROM published_at)::bigint, extract(epoch FROM now()), moved_to"

typedef struct StatementText
{
	const char *name;
	const char *sql;			/* "%" stands for the extension's schema */
	Oid			types[STATEMENT_MAX_PARAMETERS];	/* up to the first 0 */
} StatementText;

/*
 * A download that has begun may end though its link or its report expires
 * meanwhile, within an hour: rde_redeem() and rde_report_file() are told when it
 * began, or what is just within the hour, so that it goes on longer still if
 * nothing expires.
 *
 * A piece is cut out in the server: a slow client gets small ones.  A whole
 * chunk is passed on as it is; a copy more makes the server's heap grow and
 * shrink each time, which costs three times as much as all the rest.
 */
static const StatementText statements[STATEMENT_COUNT] = {
	[STATEMENT_LOGIN] = {
		"login",
		"SELECT %.rde_login($1, $2)",
		{TEXTOID, BYTEAOID}
	},
	[STATEMENT_LIST] = {
		"list",
		"SELECT %.rde_list_reports($1, $2, $3, $4, $5, $6, $7, $8)",
		{DATEOID, DATEOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID}
	},
	[STATEMENT_GET] = {
		"get",
		"SELECT %.rde_get_report($1)",
		{UUIDOID}
	},
	[STATEMENT_REQUEST] = {
		"request",
		"SELECT body, body ->> 'status' FROM %.rde_request_report($1, $2) AS request(body)",
		{JSONOID, TEXTOID}
	},
	[STATEMENT_REDEEM] = {
		"redeem",
		"SELECT " FILE_COLUMNS " FROM %.rde_redeem($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		{UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID}
	},
	[STATEMENT_REDEEM_PIECE] = {
		"redeem_piece",
		"SELECT CASE WHEN $12 = 1048576 THEN %.rde_chunk($1, $10)"
		" ELSE substr(%.rde_chunk($1, $10), $11, $12) END"
		" FROM %.rde_redeem($1, $2, $3, $4, $5, $6, $7, $8, $9,"
		" greatest(to_timestamp($13), now() - interval '59 minutes'))",
		{UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, INT4OID, INT4OID, INT4OID, FLOAT8OID}
	},
	[STATEMENT_FILE] = {
		"file",
		"SELECT " FILE_COLUMNS " FROM %.rde_report_file($1)",
		{UUIDOID}
	},
	[STATEMENT_FILE_PIECE] = {
		"file_piece",
		"SELECT CASE WHEN $4 = 1048576 THEN %.rde_chunk($1, $2)"
		" ELSE substr(%.rde_chunk($1, $2), $3, $4) END"
		" FROM %.rde_report_file($1,"
		" greatest(to_timestamp($5), now() - interval '59 minutes'))",
		{UUIDOID, INT4OID, INT4OID, INT4OID, FLOAT8OID}
	},
	[STATEMENT_PING] = {
		"ping",
		"SELECT true",
		{0}
	},
};

/*
 * Nothing a session runs takes long but a POST that builds at once.  A
 * transaction is one pipeline, so none is ever left open, unless this process
 * is stopped in the middle of one.
 */
static const char settings[] =
"SET search_path = pg_catalog, pg_temp;"
"SET statement_timeout = '30s';"
"SET idle_in_transaction_session_timeout = '30s'";

static const char find_extension[] =
"SELECT quote_ident(n.nspname), current_user, r.rolsuper, quote_literal(current_user),"
"       has_schema_privilege(n.oid, 'USAGE'),"
"       (SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE'))"
"        FROM pg_proc p"
"        WHERE p.pronamespace = n.oid"
"          AND p.proname IN ('rde_login', 'rde_list_reports', 'rde_get_report',"
"                            'rde_request_report', 'rde_redeem',"
"                            'rde_report_file', 'rde_chunk'))"
" FROM pg_extension e"
" JOIN pg_namespace n ON n.oid = e.extnamespace"
" JOIN pg_roles r ON r.rolname = current_user"
" WHERE e.extname = 'rde'";

const char *
session_statement_name(Statement statement)
{
	return statements[statement].name;
}

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
		"rde-gateway", "5", "10", "5", "3", "30000", conninfo, "UTF8", NULL
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

static bool
find_schema(PGconn *conn, char **schema, char **error)
{
	static bool warned = false;
	PGresult   *result = PQexec(conn, find_extension);
	bool		good = false;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		*error = memory_copy(PQerrorMessage(conn));
	else if (PQntuples(result) == 0)
		*error = memory_copy("the database lacks the extension \"rde\"");
	else if (PQgetvalue(result, 0, 4)[0] != 't')
		*error = printed("role \"%s\" may not use schema %s; "
						 "run GRANT USAGE ON SCHEMA %s TO that role",
						 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0),
						 PQgetvalue(result, 0, 0));
	else if (PQgetvalue(result, 0, 5)[0] != 't')
		*error = printed("role \"%s\" has no gateway's rights; "
						 "grant them by rde_grant(%s, 'gateway')",
						 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 3));
	else
	{
		if (PQgetvalue(result, 0, 2)[0] == 't' &&
			!__atomic_exchange_n(&warned, true, __ATOMIC_RELAXED))
			log_message(LOG_WARNING, "role \"%s\" is a superuser; a gateway should "
						"connect as a role that has a gateway's rights and no others",
						PQgetvalue(result, 0, 1));
		*schema = memory_copy(PQgetvalue(result, 0, 0));
		good = true;
	}
	PQclear(result);
	return good;
}

static char *
with_schema(const char *text, const char *schema)
{
	char	   *sql;
	size_t		size;
	FILE	   *out = open_memstream(&sql, &size);

	if (out == NULL)
		abort();
	for (; *text != '\0'; text++)
	{
		if (*text == '%')
			fputs(schema, out);
		else
			putc(*text, out);
	}
	if (fclose(out) != 0)
		abort();
	return sql;
}

static bool
prepare(PGconn *conn, const char *schema, char **error)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
	{
		const StatementText *s = &statements[i];
		char	   *sql = with_schema(s->sql, schema);
		int			count = 0;
		PGresult   *result;
		bool		good;

		while (count < STATEMENT_MAX_PARAMETERS && s->types[count] != 0)
			count++;
		result = PQprepare(conn, s->name, sql, count, s->types);
		good = PQresultStatus(result) == PGRES_COMMAND_OK;
		if (!good)
			*error = memory_copy(PQerrorMessage(conn));
		PQclear(result);
		free(sql);
		if (!good)
			return false;
	}
	return true;
}

PGconn *
session_open(const char *conninfo, char **error)
{
	PGconn	   *conn = connect_to(conninfo);
	char	   *schema = NULL;
	bool		good = false;

	*error = NULL;
	if (PQstatus(conn) == CONNECTION_OK)
	{
		PGresult   *result;

		PQsetNoticeReceiver(conn, ignore_notice, NULL);
		result = PQexec(conn, settings);
		good = PQresultStatus(result) == PGRES_COMMAND_OK &&
			find_schema(conn, &schema, error) &&
			prepare(conn, schema, error) &&
			PQenterPipelineMode(conn) == 1;
		PQclear(result);
		free(schema);
	}
	if (!good)
	{
		if (*error == NULL)
			*error = memory_copy(PQerrorMessage(conn));
		PQfinish(conn);
		conn = NULL;
	}
	return conn;
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
