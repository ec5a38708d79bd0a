/*
 * statement.c
 *	  What the gateway asks the database.
 *
 * Invariant: SQL text is made here, of constants and of the extension's schema
 * as quote_ident() spells it.  Whatever a request brings is a bound parameter.
 */
#include "statement.h"

#include <stdio.h>
#include <stdlib.h>

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
		SELECT(LOGIN_COLUMNS) " FROM %.rde_login($1, $2) AS login(account)",
		{TEXTOID, BYTEAOID}
	},
	[STATEMENT_LOGIN_SIGNED] = {
		"login_signed",
		SELECT(LOGIN_COLUMNS) " FROM %.rde_login_signed($1, $2, $3) AS login(account)",
		{TEXTOID, TEXTOID, BYTEAOID}
	},
	[STATEMENT_ISSUE] = {
		"issue",
		SELECT(BODY_COLUMNS) " FROM %.rde_issue_token($1, $2, $3) AS it(body)",
		{TEXTOID, TEXTOID, BYTEAOID}
	},
	[STATEMENT_LIST] = {
		"list",
		SELECT(BODY_COLUMNS)
		" FROM %.rde_list_reports($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS list(body)",
		{LIST_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_GET] = {
		"get",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_get_report($1) AS get(body)",
		{REPORT_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_MANIFEST] = {
		"manifest",
		SELECT(BODY_COLUMNS)
		" FROM %.rde_report_manifest($1) AS manifest(body)",
		{REPORT_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_REQUEST] = {
		"request",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_request_report($1, $2) AS request(body)",
		{REQUEST_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_ACCOUNT] = {
		"account",
		SELECT(BODY_COLUMNS) " FROM %.rde_get_account() AS it(body)",
		{0}
	},
	[STATEMENT_DATASETS] = {
		"datasets",
		SELECT(BODY_COLUMNS) " FROM %.rde_list_datasets() AS it(body)",
		{0}
	},
	[STATEMENT_VIEW_GET] = {
		"view_get",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_get_view($1, $2, $3) AS it(body)",
		{VIEW_GET_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_VIEW_PREVIEW] = {
		"view_preview",
		SELECT(BODY_COLUMNS) " FROM %.rde_preview_view($1, $2, $3) AS it(body)",
		{VIEW_PREVIEW_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_VIEW_CREATE] = {
		"view_create",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_request_view($1, $2, $3, $4, $5) AS it(body)",
		{VIEW_CREATE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_VIEW_REPLACE] = {
		"view_replace",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_replace_view($1, $2, $3, $4, $5) AS it(body)",
		{VIEW_REPLACE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_VIEW_REMOVE] = {
		"view_remove",
		SELECT(BODY_COLUMNS) " FROM %.rde_remove_view($1, $2, $3, $4) AS it(body)",
		{VIEW_REMOVE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_GENERATOR_LIST] = {
		"generator_list",
		SELECT(BODY_COLUMNS) " FROM %.rde_list_generators($1, $2) AS it(body)",
		{GENERATOR_LIST_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_GENERATOR_GET] = {
		"generator_get",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_get_generator($1) AS it(body)",
		{GENERATOR_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_GENERATOR_CREATE] = {
		"generator_create",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_request_generator($1, $2) AS it(body)",
		{GENERATOR_CREATE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_GENERATOR_CHANGE] = {
		"generator_change",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_change_generator($1, $2, $3) AS it(body)",
		{GENERATOR_CHANGE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_GENERATOR_REMOVE] = {
		"generator_remove",
		SELECT(BODY_COLUMNS) " FROM %.rde_remove_generator($1, $2) AS it(body)",
		{GENERATOR_REMOVE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_RUN] = {
		"run",
		SELECT(BODY_COLUMNS) " FROM %.rde_request_run($1, $2, $3) AS it(body)",
		{RUN_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_PERIODS] = {
		"periods",
		SELECT(BODY_COLUMNS) " FROM %.rde_list_periods($1, $2, $3) AS it(body)",
		{PERIODS_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_PREVIEW] = {
		"preview",
		SELECT(BODY_COLUMNS) " FROM %.rde_preview_periods($1) AS it(body)",
		{PREVIEW_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_ACTION] = {
		"action",
		SELECT(RESOURCE_COLUMNS) " FROM %.rde_request_action($1, $2, $3) AS it(body)",
		{ACTION_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_REPORT_REMOVE] = {
		"report_remove",
		SELECT(BODY_COLUMNS) " FROM %.rde_remove_report($1, $2) AS it(body)",
		{REPORT_REMOVE_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_OPEN] = {
		"open",
		SELECT(BODY_COLUMNS) " FROM %.rde_open_events($1) AS it(body)",
		{TEXTOID}
	},
	[STATEMENT_POLL] = {
		"poll",
		SELECT(EVENT_COLUMNS) " FROM %.rde_poll_events($1)",
		{JSONOID}
	},
	[STATEMENT_REDEEM] = {
		"redeem",
		SELECT(FILE_COLUMNS) " FROM %.rde_redeem($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		{UUIDOID, TEXTOID, LINK_PARAMETERS(PARAMETER_AS_TYPE)}
	},
	[STATEMENT_REDEEM_PIECE] = {
		"redeem_piece",
		"SELECT CASE WHEN $12 = 1048576 THEN %.rde_chunk($1, $10)"
		" ELSE substr(%.rde_chunk($1, $10), $11, $12) END"
		" FROM %.rde_redeem($1, $2, $3, $4, $5, $6, $7, $8, $9,"
		" greatest(to_timestamp($13), now() - interval '59 minutes'))",
		{UUIDOID, TEXTOID, LINK_PARAMETERS(PARAMETER_AS_TYPE) INT4OID, INT4OID,
		INT4OID, FLOAT8OID}
	},
	[STATEMENT_FILE] = {
		"file",
		SELECT(FILE_COLUMNS) " FROM %.rde_report_file($1)",
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

const char *
statement_name(Statement statement)
{
	return statements[statement].name;
}

const Oid *
statement_types(Statement statement)
{
	return statements[statement].types;
}

char *
statement_sql(Statement statement, const char *schema)
{
	char	   *sql;
	size_t		size;
	FILE	   *out = open_memstream(&sql, &size);

	if (out == NULL)
		abort();
	for (const char *c = statements[statement].sql; *c != '\0'; c++)
	{
		if (*c == '%')
			fputs(schema, out);
		else
			putc(*c, out);
	}
	if (fclose(out) != 0)
		abort();
	return sql;
}
