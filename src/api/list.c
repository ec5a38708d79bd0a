/*
 * list.c
 *	  The body of GET /reports.
 *
 * Invariant: a report is in a list only if its reseller is among the accounts
 * the caller sees, or the caller sees all; that is a condition of every statement
 * here.  Lists are asked for often: each is one statement, planned once, whose
 * rows become text as they come.
 */
#include "core/calendar.h"
#include "core/row.h"
#include "core/statement.h"
#include "core/url.h"
#include "who/who.h"

#include "catalog/pg_type.h"
#include "format/format.h"
#include "miscadmin.h"
#include "report/link.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/json.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(rde_list_reports);

/* Columns of a list's statement */
enum
{
	LIST_ID, LIST_NAME, LIST_FORMAT, LIST_FILE_NAME, LIST_CREATED,
	LIST_EXPIRES, LIST_LINK_NUMBER, LIST_STORE, LIST_DETAILS, LIST_COUNT
};

#define LIST_COLUMNS \
	"SELECT r.id, r.name, r.format, r.file_name," \
	" r.published_at, r.expires_at, r.link_number, r.store," \
	" CASE WHEN $1 THEN %s._rde_report_details(r)::text END" \
	" FROM %s._rde_report r" \
	" WHERE ($2 IS NULL OR r.format = $2) AND ($3 IS NULL OR r.name = $3)" \
	" AND ($4 IS NULL OR r.type = ANY ($4))"

/*
 * Published, stored, and the newest revision, which is found by its index
 * however few rows the planner expects.
 */
#define LIST_PUBLISHED \
	" AND r.status = 'completed' AND r.expires_at > now()" \
	" AND (SELECT n.id FROM %s._rde_report n WHERE n.supersedes = r.id" \
	" AND n.status = 'completed') IS NULL"

#define LIST_ORDER	" ORDER BY r.published_at, r.id"

typedef enum ListParameter
{
	PARAMETER_DETAIL, PARAMETER_FORMAT, PARAMETER_NAME, PARAMETER_TYPES,
	PARAMETER_ALL, PARAMETER_ACCOUNTS, PARAMETER_FROM, PARAMETER_END,
	PARAMETER_SEEN, PARAMETER_STATUS, PARAMETER_COUNT
} ListParameter;

#define LISTING_TYPES \
	{BOOLOID, TEXTOID, TEXTOID, TEXTARRAYOID, BOOLOID, INT8ARRAYOID, \
	TIMESTAMPTZOID, TIMESTAMPTZOID, PG_SNAPSHOTOID, TEXTOID}

static const RdeStatement list_unpublished = {
	.sql = LIST_COLUMNS
	/* for the index; what is processing is a function's to say */
	" AND r.status = CASE WHEN $10 = 'processing' THEN 'submitted' ELSE $10 END"
	" AND %s._rde_status(r.status, r.claim_pid, r.claim_start) = $10"
	" AND (r.expires_at > now() OR r.status = 'submitted')"
	" AND ($5 OR r.reseller = ANY ($6))"
	" AND ($9 IS NOT NULL OR r.submitted_at >= $7 AND r.submitted_at < $8)"
	" ORDER BY r.submitted_at, r.id",
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* Planned for its cursor, which says how many rows there may be. */
static const RdeStatement list_after = {
	.sql = LIST_COLUMNS LIST_PUBLISHED
	" AND ($5 OR r.reseller = ANY ($6))"
	" AND r.published_xid >= pg_snapshot_xmin($9)"
	" AND NOT pg_visible_in_snapshot(r.published_xid, $9)"
	" AND r.system_identifier ="
	" (SELECT c.system_identifier FROM pg_control_system() c)"
	LIST_ORDER,
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

static const RdeStatement list_all = {
	.sql = LIST_COLUMNS LIST_PUBLISHED
	" AND r.published_at >= $7 AND r.published_at < $8"
	LIST_ORDER,
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT,
	.planned_once = true
};

static const RdeStatement list_accounts = {
	.sql = LIST_COLUMNS LIST_PUBLISHED
	" AND r.reseller = ANY ($6)"
	" AND r.published_at >= $7 AND r.published_at < $8"
	LIST_ORDER,
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT,
	.planned_once = true
};

static const RdeStatement read_cursor = {
	.sql = "SELECT %s._rde_read_cursor($1)",
	.types = {TEXTOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

static const RdeStatement next_cursor = {
	.sql = "SELECT %s._rde_cursor()",
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* What is asked for, checked. */
typedef struct Listing
{
	const RdeHome *home;
	bool		detail;
	bool		after;			/* since a cursor, not of days */
	bool		published;		/* completed ones; of others there are no
								 * links */
	bool		linked;			/* the caller may have links to them */
	Datum		values[PARAMETER_COUNT];
	char		nulls[PARAMETER_COUNT + 1];
} Listing;

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errhint("%s", hint)));
}

static void
set(Listing *list, ListParameter parameter, Datum value)
{
	list->values[parameter] = value;
	list->nulls[parameter] = ' ';
}

static bool
is_one_of(const char *text, const char *const *others)
{
	while (*others && strcmp(*others, text) != 0)
		others++;
	return *others != NULL;
}

/* The moment a day begins in UTC; raises 22008 if there is none. */
static Datum
day_start(DateADT day)
{
	return DirectFunctionCall1(date_timestamp, DateADTGetDatum(day));
}

static void
take_period(Listing *list, FunctionCallInfo fcinfo)
{
	rde_check_days(fcinfo, 0);
	set(list, PARAMETER_FROM, day_start(PG_GETARG_DATEADT(0)));
	set(list, PARAMETER_END, day_start(PG_GETARG_DATEADT(1) + 1));
}

static void
take_format(Listing *list, const char *given)
{
	set(list, PARAMETER_FORMAT,
		CStringGetTextDatum(rde_format_find(given)->name));
}

static void
take_status(Listing *list, const char *status)
{
	static const char *const statuses[] = {"submitted", "processing",
	"completed", "error", NULL};

	if (!is_one_of(status, statuses))
		refuse(psprintf("report status \"%s\" does not exist", status),
			   "Use submitted, processing, completed or error.");
	list->published = strcmp(status, "completed") == 0;
	set(list, PARAMETER_STATUS, CStringGetTextDatum(status));
}

static void
take_type(Listing *list, const char *type)
{
	static const char *const types[] = {"onetime", "daily", "monthly",
	"on_invoice", "periodic", NULL};
	Datum		elements[2];
	int			count = 1;

	if (!is_one_of(type, types))
		refuse(psprintf("report type \"%s\" does not exist", type),
			   "Use onetime, daily, monthly, on_invoice, or periodic for daily and monthly.");
	elements[0] = CStringGetTextDatum(type);
	if (strcmp(type, "periodic") == 0)
	{
		elements[0] = CStringGetTextDatum("daily");
		elements[1] = CStringGetTextDatum("monthly");
		count = 2;
	}
	set(list, PARAMETER_TYPES,
		PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false,
										TYPALIGN_INT)));
}

static void
take_arguments(Listing *list, FunctionCallInfo fcinfo)
{
	list->home = rde_home(fcinfo);
	list->published = true;
	memset(list->nulls, 'n', PARAMETER_COUNT);
	list->after = !PG_ARGISNULL(7);
	list->detail = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	set(list, PARAMETER_DETAIL, BoolGetDatum(list->detail));
	if (!list->after)
		take_period(list, fcinfo);
	else if (!PG_ARGISNULL(0) || !PG_ARGISNULL(1))
		refuse("after takes the place of the first and the last day",
			   "Leave both days out.");
	if (!PG_ARGISNULL(2))
		take_format(list, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (!PG_ARGISNULL(3))
		set(list, PARAMETER_NAME, PG_GETARG_DATUM(3));
	take_status(list, PG_ARGISNULL(4) ? "completed" :
				text_to_cstring(PG_GETARG_TEXT_PP(4)));
	if (!PG_ARGISNULL(5))
		take_type(list, text_to_cstring(PG_GETARG_TEXT_PP(5)));
}

/* Whose reports the caller sees, and what was published since which cursor. */
static void
look_up(Listing *list, FunctionCallInfo fcinfo)
{
	Datum		values[1];
	RdeWho		who = rde_who(list->home);

	list->linked = list->published && who.rank >= RDE_TENANT;
	set(list, PARAMETER_ALL,
		BoolGetDatum(who.rank == RDE_READER || who.rank >= RDE_OPERATOR));
	set(list, PARAMETER_ACCOUNTS,
		PointerGetDatum(rde_visible(list->home, &who)));
	if (list->after)
	{
		values[0] = PG_GETARG_DATUM(7);
		rde_execute(list->home, &read_cursor, values, NULL);
		/* lives until SPI_finish() */
		set(list, PARAMETER_SEEN, rde_row_datum(rde_row(0), 1));
	}
}

/* The statement that fits. */
static const RdeStatement *
choose_list(const Listing *list)
{
	if (!list->published)
		return &list_unpublished;
	if (list->after)
		return &list_after;
	return DatumGetBool(list->values[PARAMETER_ALL]) ?
		&list_all : &list_accounts;
}

static void
append_text(StringInfo out, Datum value)
{
	escape_json(out, TextDatumGetCString(value));
}

/* Printable ASCII, of which nothing but these two needs escaping. */
static void
append_ascii(StringInfo out, const char *text)
{
	if (strpbrk(text, "\"\\") != NULL)
	{
		escape_json(out, text);
		return;
	}
	appendStringInfoChar(out, '"');
	appendStringInfoString(out, text);
	appendStringInfoChar(out, '"');
}

/* The link of a row's report; NULL if there is none just now. */
static const char *
link_of(const Listing *list, const Datum *columns, const RdeLinkKey *key)
{
	RdeLinked	linked;

	linked.report = DatumGetUUIDP(columns[LIST_ID]);
	linked.file_name = TextDatumGetCString(columns[LIST_FILE_NAME]);
	linked.created = DatumGetTimestampTz(columns[LIST_CREATED]);
	linked.expires = DatumGetTimestampTz(columns[LIST_EXPIRES]);
	linked.number = DatumGetInt32(columns[LIST_LINK_NUMBER]);
	linked.store = TextDatumGetCString(columns[LIST_STORE]);
	return rde_link_url(list->home, key, &linked);
}

static void
append_item(StringInfo out, const Listing *list, RdeRow row,
			const RdeLinkKey *key)
{
	Datum		columns[LIST_COUNT];
	bool		nulls[LIST_COUNT];
	const char *format;
	const char *link;

	rde_row_values(row, columns, nulls);
	appendStringInfoString(out, "{\"name\":");
	append_text(out, columns[LIST_NAME]);
	appendStringInfoString(out, ",\"format\":");
	format = TextDatumGetCString(columns[LIST_FORMAT]);
	append_ascii(out, asc_toupper(format, strlen(format)));
	appendStringInfoString(out, ",\"creationDate\":");
	if (nulls[LIST_CREATED])
		appendStringInfoString(out, "null");
	else
		append_ascii(out, rde_url_instant(DatumGetTimestampTz(columns[LIST_CREATED])));
	appendStringInfoString(out, ",\"downloadUrl\":");
	link = list->linked ? link_of(list, columns, key) : NULL;
	if (link == NULL)
		appendStringInfoString(out, "null");
	else
		append_ascii(out, link);
	if (nulls[LIST_DETAILS])
		appendStringInfoChar(out, '}');
	else
	{
		/* an object's fields go on where ours end */
		appendStringInfoChar(out, ',');
		appendStringInfoString(out, TextDatumGetCString(columns[LIST_DETAILS]) + 1);
	}
}

/* The rows SPI returned as the body. */
static void
append_body(StringInfo out, const Listing *list)
{
	SPITupleTable *rows = SPI_tuptable;
	int			count = SPI_processed;
	MemoryContext context;
	MemoryContext old;
	RdeLinkKey *key = NULL;

	if (count > 0 && list->linked)
		key = rde_link_key(list->home);
	context = AllocSetContextCreate(CurrentMemoryContext, "rde list item",
									ALLOCSET_SMALL_SIZES);
	appendStringInfoString(out, "{\"data\":[");
	for (int i = 0; i < count; i++)
	{
		RdeRow		row = {rows->vals[i], rows->tupdesc};

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		if (i > 0)
			appendStringInfoChar(out, ',');
		append_item(out, list, row, key);
		MemoryContextSwitchTo(old);
	}
	appendStringInfo(out, "],\"pagination\":{\"offset\":0,\"limit\":%d,\"total\":%d}",
					 count, count);
	if (list->after || list->detail)
	{
		/* under the same snapshot as the rows */
		rde_execute(list->home, &next_cursor, NULL, NULL);
		appendStringInfoString(out, ",\"next\":");
		append_text(out, rde_row_datum(rde_row(0), 1));
	}
	appendStringInfoChar(out, '}');
}

/*
 * rde_list_reports(first_day date, last_day date, format, name, status, type
 * text, detail boolean, after text) → json.  Raises 22004, 22008 and 22023.
 */
Datum
rde_list_reports(PG_FUNCTION_ARGS)
{
	Listing		list;
	StringInfoData body;

	initStringInfo(&body);
	take_arguments(&list, fcinfo);
	rde_connect();
	look_up(&list, fcinfo);
	rde_execute(list.home, choose_list(&list), list.values, list.nulls);
	append_body(&body, &list);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(body.data, body.len));
}
