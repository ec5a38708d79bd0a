/*
 * statement.h
 *	  What the gateway asks the database: each statement with its parameters and
 *	  the columns of its result, in one place.
 *
 * The lists below take what is to become of the first and of the others; of them
 * are made the SQL text, the types, and the order in which parameters are bound
 * and columns are found.
 */
#ifndef STATEMENT_H
#define STATEMENT_H

#include <libpq-fe.h>

/* OIDs of types never change: pg_type.dat */
#define BOOLOID			16
#define BYTEAOID		17
#define INT8OID			20
#define INT4OID			23
#define FLOAT8OID		701
#define TEXTOID			25
#define JSONOID			114
#define DATEOID			1082
#define UUIDOID			2950

/* Parameters of rde_list_reports(): the field of a request, its type */
#define LIST_PARAMETERS(P) \
	P(QUERY_FROM, DATEOID) P(QUERY_TO, DATEOID) P(QUERY_FORMAT, TEXTOID) \
	P(QUERY_NAME, TEXTOID) P(QUERY_STATUS, TEXTOID) P(QUERY_TYPE, TEXTOID) \
	P(QUERY_DETAIL, BOOLOID) P(QUERY_AFTER, TEXTOID) P(QUERY_DATASET, TEXTOID) \
	P(QUERY_GENERATOR, UUIDOID)

/* rde_request_report() */
#define REQUEST_PARAMETERS(P) \
	P(REQUEST_BODY, JSONOID) P(HEADER_IDEMPOTENCY_KEY, TEXTOID)

/* What is asked of one report */
#define REPORT_PARAMETERS(P) \
	P(SEGMENT_1, UUIDOID)

#define REPORT_REMOVE_PARAMETERS(P) \
	REPORT_PARAMETERS(P) P(HEADER_IF_MATCH, TEXTOID)

#define ACTION_PARAMETERS(P) \
	REPORT_PARAMETERS(P) P(SEGMENT_2, TEXTOID) P(HEADER_IDEMPOTENCY_KEY, TEXTOID)

/* Report views: rde_get_view() and those that change one */
#define VIEW_PARAMETERS(P) \
	P(SEGMENT_1, TEXTOID) P(SEGMENT_3, TEXTOID)
#define VIEW_GET_PARAMETERS(P) \
	VIEW_PARAMETERS(P) P(QUERY_RESELLER, INT8OID)
#define VIEW_CREATE_PARAMETERS(P) \
	VIEW_PARAMETERS(P) P(REQUEST_BODY, JSONOID) \
	P(HEADER_IDEMPOTENCY_KEY, TEXTOID) P(QUERY_RESELLER, INT8OID)
#define VIEW_PREVIEW_PARAMETERS(P) \
	P(SEGMENT_1, TEXTOID) P(REQUEST_BODY, JSONOID) P(QUERY_RESELLER, INT8OID)
#define VIEW_REPLACE_PARAMETERS(P) \
	VIEW_PARAMETERS(P) P(REQUEST_BODY, JSONOID) P(HEADER_IF_MATCH, TEXTOID) \
	P(QUERY_RESELLER, INT8OID)
#define VIEW_REMOVE_PARAMETERS(P) \
	VIEW_PARAMETERS(P) P(HEADER_IF_MATCH, TEXTOID) P(QUERY_RESELLER, INT8OID)

/* Generators */
#define GENERATOR_PARAMETERS(P) \
	P(SEGMENT_1, UUIDOID)
#define GENERATOR_LIST_PARAMETERS(P) \
	P(QUERY_AFTER, TEXTOID) P(QUERY_RESELLER, INT8OID)
#define GENERATOR_CREATE_PARAMETERS(P) \
	REQUEST_PARAMETERS(P)
#define GENERATOR_CHANGE_PARAMETERS(P) \
	GENERATOR_PARAMETERS(P) P(REQUEST_BODY, JSONOID) P(HEADER_IF_MATCH, TEXTOID)
#define GENERATOR_REMOVE_PARAMETERS(P) \
	GENERATOR_PARAMETERS(P) P(HEADER_IF_MATCH, TEXTOID)
#define RUN_PARAMETERS(P) \
	GENERATOR_PARAMETERS(P) REQUEST_PARAMETERS(P)
#define PERIODS_PARAMETERS(P) \
	GENERATOR_PARAMETERS(P) P(QUERY_FROM, DATEOID) P(QUERY_TO, DATEOID)
#define PREVIEW_PARAMETERS(P) \
	P(REQUEST_BODY, JSONOID)

/* Those of a link, behind the report and the name of its file */
#define LINK_PARAMETERS(P) \
	P(QUERY_SV, TEXTOID) P(QUERY_ST, TEXTOID) P(QUERY_SE, TEXTOID) \
	P(QUERY_SP, TEXTOID) P(QUERY_SR, TEXTOID) P(QUERY_KID, TEXTOID) \
	P(QUERY_SIG, TEXTOID)

/* The account of a login: rde_login() */
#define LOGIN_COLUMNS(FIRST, NEXT) \
	FIRST(LOGIN_ACCOUNT, "account")

/* What a reply's body is */
#define BODY_COLUMNS(FIRST, NEXT) \
	FIRST(BODY_JSON, "body")

/* The same of one thing: of a report its status, of what can be changed a version */
#define RESOURCE_COLUMNS(FIRST, NEXT) \
	FIRST(RESOURCE_JSON, "body") \
	NEXT(RESOURCE_STATUS, "body ->> 'status'") \
	NEXT(RESOURCE_VERSION, "body ->> 'version'")

/* rde_redeem() and rde_report_file() */
#define FILE_COLUMNS(FIRST, NEXT) \
	FIRST(FILE_ACCOUNT, "reseller") \
	NEXT(FILE_NAME, "name") \
	NEXT(FILE_FILE_NAME, "file_name") \
	NEXT(FILE_MEDIA_TYPE, "media_type") \
	NEXT(FILE_BYTES, "file_bytes") \
	NEXT(FILE_SHA256, "sha256") \
	NEXT(FILE_ROWS, "row_count") \
	NEXT(FILE_CREATED, "floor(extract(epoch FROM published_at))::bigint") \
	NEXT(FILE_NOW, "extract(epoch FROM now())") \
	NEXT(FILE_MOVED_TO, "moved_to")

/* rde_poll_events() */
#define EVENT_COLUMNS(FIRST, NEXT) \
	FIRST(EVENT_STREAM, "stream") \
	NEXT(EVENT_EVENT, "event") \
	NEXT(EVENT_ID, "id") \
	NEXT(EVENT_DATA, "data")

#define FIRST_AS_SQL(name, sql)	sql
#define NEXT_AS_SQL(name, sql)	", " sql
#define SELECT(columns)	"SELECT " columns(FIRST_AS_SQL, NEXT_AS_SQL)

#define COLUMN_AS_NAME(name, sql)	name,
enum LoginColumn
{
	LOGIN_COLUMNS(COLUMN_AS_NAME, COLUMN_AS_NAME)
};
enum BodyColumn
{
	BODY_COLUMNS(COLUMN_AS_NAME, COLUMN_AS_NAME)
};
enum ResourceColumn
{
	RESOURCE_COLUMNS(COLUMN_AS_NAME, COLUMN_AS_NAME)
};
enum EventColumn
{
	EVENT_COLUMNS(COLUMN_AS_NAME, COLUMN_AS_NAME)
};
enum FileColumn
{
	FILE_COLUMNS(COLUMN_AS_NAME, COLUMN_AS_NAME)
};
enum PieceColumn
{
	PIECE_BYTES					/* in binary, cut out of its chunk */
};

#define PARAMETER_AS_FIELD(field, type)	field,
#define PARAMETER_AS_SOURCE(source, type)	source,
#define PARAMETER_AS_TYPE(field, type)	type,

/* Every session has these prepared; statement.c has their text. */
typedef enum Statement
{
	STATEMENT_LOGIN,			/* key, SHA-256 of the token */
	STATEMENT_LOGIN_SIGNED,		/* key, claims, SHA-256 of the signature */
	STATEMENT_ISSUE,			/* key, name, SHA-256 of the token */
	STATEMENT_LIST,				/* LIST_PARAMETERS */
	STATEMENT_GET,				/* REPORT_PARAMETERS */
	STATEMENT_MANIFEST,			/* REPORT_PARAMETERS */
	STATEMENT_REQUEST,			/* REQUEST_PARAMETERS */
	STATEMENT_ACCOUNT,			/* nothing */
	STATEMENT_DATASETS,			/* nothing */
	STATEMENT_VIEW_GET,			/* and so on: ..._PARAMETERS */
	STATEMENT_VIEW_PREVIEW,
	STATEMENT_VIEW_CREATE,
	STATEMENT_VIEW_REPLACE,
	STATEMENT_VIEW_REMOVE,
	STATEMENT_GENERATOR_LIST,
	STATEMENT_GENERATOR_GET,
	STATEMENT_GENERATOR_CREATE,
	STATEMENT_GENERATOR_CHANGE,
	STATEMENT_GENERATOR_REMOVE,
	STATEMENT_RUN,
	STATEMENT_PERIODS,
	STATEMENT_PREVIEW,
	STATEMENT_ACTION,
	STATEMENT_REPORT_REMOVE,	/* REPORT_REMOVE_PARAMETERS */
	STATEMENT_OPEN,				/* id of the event seen last */
	STATEMENT_POLL,				/* streams */
	STATEMENT_REDEEM,			/* report, file name, LINK_PARAMETERS */
	STATEMENT_REDEEM_PIECE,		/* the same, chunk, first byte, length, and
								 * when the first statement ran */
	STATEMENT_FILE,				/* report */
	STATEMENT_FILE_PIECE,		/* report, chunk, first byte, length, and when
								 * the first statement ran */
	STATEMENT_PING,				/* nothing */
	STATEMENT_COUNT
} Statement;

#define STATEMENT_MAX_PARAMETERS 13

extern const char *statement_name(Statement statement);

/* Types of its parameters, up to the first 0 or STATEMENT_MAX_PARAMETERS. */
extern const Oid *statement_types(Statement statement);

/* Its text, for the extension in a schema that is quoted; to be freed. */
extern char *statement_sql(Statement statement, const char *schema);

#endif							/* STATEMENT_H */
