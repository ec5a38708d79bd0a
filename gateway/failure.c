/*
 * failure.c
 *	  Why a request did not succeed, as its client is to know it.
 *
 * Invariant: what the database says reaches a client only where the table below
 * lets it: hints are for whoever administers the database, and so are most
 * messages.  A code is the condition name of the SQLSTATE, or in its manner.
 */
#include "failure.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "memory.h"

/* What a client is told of an error: its own words, and those of a hint. */
typedef enum Said
{
	SAID_ALL,
	SAID_MESSAGE,
	SAID_INSTEAD				/* only what stands in the table */
} Said;

typedef struct Condition
{
	const char *sqlstate;		/* or its first letters: all others of them */
	const char *code;
	int			status;
	int			retry_after;
	Said		said;
	const char *instead;
} Condition;

#define UNAVAILABLE		"the database cannot answer just now"
#define MISFIT			"this view cannot be made of its data set as it is; whoever runs this service can mend that"
#define TOO_COMPLEX		"the request is too large or too complex"
#define STANDBY			"this gateway is at a standby, which lists reports and hands out files, but makes none"
#define NO_SOURCE		"the data set has nothing to report from yet; whoever runs this service can give it that"
#define MOVING			"the file is on its way to another store"
#define INTERNAL		"internal error, see the log for this correlation id"

/* What is not here is our fault: 500. */
static const Condition conditions[] = {
	{"08", "connection_exception", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"22004", "null_value_not_allowed", 400, 0, SAID_ALL, NULL},
	{"22007", "invalid_datetime_format", 400, 0, SAID_ALL, NULL},
	{"22008", "datetime_field_overflow", 400, 0, SAID_ALL, NULL},
	{"22021", "character_not_in_repertoire", 400, 0, SAID_ALL, NULL},
	{"22023", "invalid_parameter_value", 400, 0, SAID_ALL, NULL},
	{"22P02", "invalid_text_representation", 400, 0, SAID_ALL, NULL},
	{"22P05", "untranslatable_character", 400, 0, SAID_ALL, NULL},
	{"22", "data_exception", 400, 0, SAID_ALL, NULL},
	{"27000", "precondition_failed", 412, 0, SAID_ALL, NULL},
	{"25006", "read_only_sql_transaction", 503, 60, SAID_INSTEAD, STANDBY},
	{"28", "invalid_authorization_specification", 401, 0, SAID_MESSAGE, NULL},
	{"40001", "serialization_failure", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"40P01", "deadlock_detected", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"40", "transaction_rollback", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"42501", "insufficient_privilege", 403, 0, SAID_MESSAGE, NULL},
	{"42602", "invalid_name", 400, 0, SAID_MESSAGE, NULL},
	{"42701", "duplicate_column", 400, 0, SAID_ALL, NULL},
	{"42702", "ambiguous_column", 400, 0, SAID_INSTEAD, MISFIT},
	{"42703", "undefined_column", 400, 0, SAID_INSTEAD, MISFIT},
	{"42804", "datatype_mismatch", 400, 0, SAID_INSTEAD, MISFIT},
	{"42710", "duplicate_object", 409, 0, SAID_MESSAGE, NULL},
	{"42939", "reserved_name", 400, 0, SAID_MESSAGE, NULL},
	{"42704", "undefined_object", 404, 0, SAID_MESSAGE, NULL},
	{"53300", "too_many_connections", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"53400", "configuration_limit_exceeded", 429, 60, SAID_ALL, NULL},
	{"54001", "statement_too_complex", 400, 0, SAID_INSTEAD, TOO_COMPLEX},
	{"54", "program_limit_exceeded", 400, 0, SAID_INSTEAD, TOO_COMPLEX},
	{"55000", "object_not_in_prerequisite_state", 503, 30, SAID_INSTEAD, MOVING},
	{"55P03", "lock_not_available", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"57014", "query_canceled", 503, 1, SAID_INSTEAD, UNAVAILABLE},
	{"57P", "cannot_connect_now", 503, 1, SAID_INSTEAD, UNAVAILABLE},
};

static const Condition internal = {
	"", "internal_error", 500, 0, SAID_INSTEAD, INTERNAL
};

/* Something is wrong with the gateway's rights or the extension, not with the
 * request: these are not the client's to know. */
static const char *const our_errors[] = {
	"26000",					/* prepared statement is gone */
	"0A000",					/* or returns something else by now */
	"3F000", "42P01", "42883",	/* so is what it calls */
	"25001",					/* logged in twice */
};

const char *
failure_code(int status)
{
	switch (status)
	{
		case 400:
			return "invalid_parameter_value";
		case 401:
			return "invalid_authorization_specification";
		case 403:
			return "insufficient_privilege";
		case 404:
			return "undefined_object";
		case 405:
			return "method_not_allowed";
		case 409:
			return "object_not_in_prerequisite_state";
		case 412:
			return "precondition_failed";
		case 413:
			return "program_limit_exceeded";
		case 416:
			return "range_not_satisfiable";
		case 429:
			return "configuration_limit_exceeded";
		case 503:
			return "cannot_connect_now";
		default:
			return "internal_error";
	}
}

void
failure_set(Failure *failure, int status, int retry_after, const char *message)
{
	failure->status = status;
	failure->retry_after = retry_after;
	failure->code = failure_code(status);
	failure->field = NULL;
	failure->message = memory_copy(message);
}

void
failure_clear(Failure *failure)
{
	free(failure->field);
	free(failure->message);
	failure->field = NULL;
	failure->message = NULL;
}

static bool
begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static const char *
field_of(const PGresult *error, int field)
{
	const char *text = PQresultErrorField(error, field);

	return text == NULL ? "" : text;
}

static bool
is_view(Statement statement)
{
	return statement >= STATEMENT_VIEW_GET && statement <= STATEMENT_VIEW_REMOVE;
}

static bool
is_file(Statement statement)
{
	return statement >= STATEMENT_REDEEM && statement <= STATEMENT_FILE_PIECE;
}

static bool
is_link(Statement statement)
{
	return statement == STATEMENT_REDEEM || statement == STATEMENT_REDEEM_PIECE;
}

/*
 * An object is not as it has to be: said by rde of what a client asked for, or by
 * the server of something inside, which no client can do anything about.
 */
static bool
is_state_of_request(const PGresult *error, Statement statement)
{
	const char *raised_by = field_of(error, PG_DIAG_SOURCE_FUNCTION);

	switch (statement)
	{
		case STATEMENT_LOGIN:
		case STATEMENT_LOGIN_SIGNED:
		case STATEMENT_ISSUE:
		case STATEMENT_POLL:
		case STATEMENT_PING:
			return false;
		case STATEMENT_REDEEM:
		case STATEMENT_FILE:
			return strcmp(raised_by, "moved_url") == 0;
		case STATEMENT_REDEEM_PIECE:
		case STATEMENT_FILE_PIECE:
			return strcmp(raised_by, "refuse_moved") == 0;
		default:
			/* rde says of what; the server, or somebody's trigger, does not */
			return *field_of(error, PG_DIAG_COLUMN_NAME) != '\0';
	}
}

static bool
is_ours(const PGresult *error, Statement statement)
{
	const char *sqlstate = field_of(error, PG_DIAG_SQLSTATE);
	const char *raised_by = field_of(error, PG_DIAG_SOURCE_FUNCTION);

	for (size_t i = 0; i < sizeof(our_errors) / sizeof(our_errors[0]); i++)
	{
		if (strcmp(sqlstate, our_errors[i]) == 0)
			return true;
	}
	/* the server says so of a right this role lacks, rde of a client's */
	if (strcmp(sqlstate, "42501") == 0)
		return strcmp(raised_by, "aclcheck_error") == 0;
	if (strcmp(sqlstate, "55000") == 0)
		return !is_state_of_request(error, statement);
	/* logging in is refused by 28000 alone */
	return statement >= STATEMENT_LOGIN && statement <= STATEMENT_ISSUE &&
		begins_with(sqlstate, "42");
}

bool
failure_ends_session(const PGresult *error, Statement statement)
{
	return error != NULL && is_ours(error, statement);
}

static const Condition *
find_condition(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
	{
		if (begins_with(sqlstate, conditions[i].sqlstate))
			return &conditions[i];
	}
	return &internal;
}

/* What one SQLSTATE means depends on what was asked. */
static Condition
condition_of(const PGresult *error, Statement statement)
{
	const char *column = field_of(error, PG_DIAG_COLUMN_NAME);
	Condition	it;

	if (is_ours(error, statement))
		return internal;
	it = *find_condition(field_of(error, PG_DIAG_SQLSTATE));
	/* whatever is wrong with a link, text that is none included */
	if (is_link(statement) && (it.status == 400 || it.status == 403))
	{
		it = *find_condition("42501");
		it.said = SAID_INSTEAD;
		it.instead = LINK_NOT_VALID;
	}
	/* what the path names is not there, or what the body does */
	else if (strcmp(it.sqlstate, "42704") == 0 && *column != '\0' && !is_view(statement))
		it.status = 400;
	else if (strcmp(it.sqlstate, "42804") == 0 && is_view(statement))
		it.said = SAID_MESSAGE;
	else if (strcmp(it.sqlstate, "55000") == 0 && !is_file(statement))
	{
		it.status = strcmp(column, "status") == 0 ? 409 : 400;
		it.retry_after = 0;
		it.said = strcmp(column, "dataset") == 0 ? SAID_INSTEAD : SAID_MESSAGE;
		it.instead = NO_SOURCE;
	}
	return it;
}

/* The quota that was reached says whether waiting helps, and how long. */
static void
apply_quota(Condition *it, const PGresult *error)
{
	const char *quota = field_of(error, PG_DIAG_COLUMN_NAME);
	const char *detail = field_of(error, PG_DIAG_MESSAGE_DETAIL);
	int			seconds = atoi(detail + strcspn(detail, "0123456789"));

	if (strcmp(quota, "max_reports_per_day") == 0)
		it->retry_after = seconds > 0 ? seconds : it->retry_after;
	else if (*quota != '\0' && strcmp(quota, "max_pending") != 0)
	{
		/* something of the request, or what only others can make room for */
		it->status = begins_with(quota, "max_") ? 403 : 400;
		it->retry_after = 0;
	}
}

/*
 * What rde calls an argument that a request calls otherwise than in its spelling,
 * this one or any; NULL: that request has no such field.
 */
static const struct
{
	Statement	statement;		/* STATEMENT_COUNT: any */
	const char *column;
	const char *field;
}			field_names[] = {
	{STATEMENT_LIST, "first_day", "from"},
	{STATEMENT_LIST, "last_day", "to"},
	{STATEMENT_PERIODS, "first_day", "from"},
	{STATEMENT_PERIODS, "last_day", "to"},
	{STATEMENT_RUN, "end_date", "lastDay"},
	{STATEMENT_ACTION, "end_date", NULL},
	{STATEMENT_COUNT, "view", "customizationName"},
	{STATEMENT_COUNT, "max_pending", "pendingReports"},
	{STATEMENT_COUNT, "max_reports_per_day", "reportsPerDay"},
	{STATEMENT_COUNT, "max_stored_bytes", "storedBytes"},
	{STATEMENT_COUNT, "max_generators", "generators"},
	{STATEMENT_COUNT, "max_views", "views"},
	{STATEMENT_COUNT, "max_tokens", "tokens"},
};

/*
 * The field of a request that an error is about: the column it names, which is an
 * argument of rde's, with_underscores for withCapitals, and behind it the way to
 * a place inside, columns[2].as, in the request's own words.  NULL if it names none.
 */
static char *
field_name(const PGresult *error, Statement statement)
{
	const char *column = field_of(error, PG_DIAG_COLUMN_NAME);
	const char *inside;
	char	   *name;
	char	   *end;

	if (*column == '\0')
		return NULL;
	for (size_t i = 0; i < sizeof(field_names) / sizeof(field_names[0]); i++)
	{
		if ((field_names[i].statement == statement ||
			 field_names[i].statement == STATEMENT_COUNT) &&
			strcmp(column, field_names[i].column) == 0)
			return field_names[i].field == NULL ? NULL : memory_copy(field_names[i].field);
	}
	name = memory_copy(column);
	end = name;
	for (inside = column + strcspn(column, ".["); column < inside; column++)
		*end++ = *column == '_' && column + 1 < inside ? toupper((unsigned char) *++column) : *column;
	memcpy(end, inside, strlen(inside) + 1);
	return name;
}

/* A hint that tells to call something is for whoever can. */
static bool
is_plain(const char *hint)
{
	return *hint != '\0' && strchr(hint, '(') == NULL &&
		strstr(hint, "rde_") == NULL && strstr(hint, "pg_") == NULL;
}

static char *
message_of(const Condition *it, const PGresult *error)
{
	char	   *message;
	size_t		size;
	FILE	   *out = open_memstream(&message, &size);
	const char *detail = field_of(error, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = field_of(error, PG_DIAG_MESSAGE_HINT);

	if (out == NULL)
		abort();
	fputs(it->said == SAID_INSTEAD ? it->instead :
		  field_of(error, PG_DIAG_MESSAGE_PRIMARY), out);
	if (it->said == SAID_ALL && is_plain(detail))
		fprintf(out, "; %s", detail);
	if (it->said == SAID_ALL && is_plain(hint))
		fprintf(out, "; %s", hint);
	if (fclose(out) != 0)
		abort();
	return message;
}

void
failure_set_error(Failure *failure, const PGconn *conn, const PGresult *error,
				  Statement statement, const char *what)
{
	const char *name = statement_name(statement);
	Condition	it;

	if (error == NULL || PQresultErrorField(error, PG_DIAG_SQLSTATE) == NULL)
	{
		log_message(LOG_WARNING, "%s: connection lost in \"%s\": %s", what, name,
					PQerrorMessage(conn));
		failure_set(failure, 503, 1, "the database cannot be reached just now");
		return;
	}
	it = condition_of(error, statement);
	if (strcmp(it.sqlstate, "53400") == 0)
		apply_quota(&it, error);
	failure->status = it.status;
	failure->retry_after = it.retry_after;
	failure->code = it.code;
	failure->field = it.status < 500 ? field_name(error, statement) : NULL;
	failure->message = message_of(&it, error);
	if (it.status >= 500)
		log_message(it.status == 500 ? LOG_ERROR : LOG_WARNING,
					"%s: error %s in \"%s\": %s%s", what,
					field_of(error, PG_DIAG_SQLSTATE), name,
					field_of(error, PG_DIAG_MESSAGE_PRIMARY),
					strcmp(field_of(error, PG_DIAG_SQLSTATE), "26000") == 0 ?
					"; " SESSION_POOLING : "");
}
