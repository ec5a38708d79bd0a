/*
 * list.c
 *	  The body of GET /reports.
 *
 * Invariant: a report is in a list only if its reseller is among the accounts
 * the caller sees, or the caller sees all; that is a condition of every statement
 * here.  Lists are asked for often: each is one statement, planned once, whose
 * rows become text as they come.  A long one comes in parts: together they hold
 * what was to be listed when the first was read, each report once.
 */
#include "core/calendar.h"
#include "core/row.h"
#include "core/statement.h"
#include "core/url.h"
#include "who/sight.h"

#include "catalog/pg_type.h"
#include "format/format.h"
#include "api/place.h"
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
	LIST_EXPIRES, LIST_LINK_NUMBER, LIST_STORE, LIST_DETAILS,
	LIST_POSITION, LIST_COUNT
};

/* Before the last day, where none is said. */
#define DEFAULT_DAYS	90

/* A part ends with the item that makes it as long as this, or with so many. */
#define PART_BYTES		(1024 * 1024)
#define PART_ITEMS		"2000"

#define LIST_COLUMNS(LIST_BY) \
	"SELECT r.id, r.name, r.format, r.file_name," \
	" coalesce(r.published_at, r.submitted_at), r.expires_at, r.link_number, r.store," \
	" CASE WHEN $1 THEN %s._rde_report_details(r)::text END," \
	" r." LIST_BY \
	" FROM %s._rde_report r" \
	" WHERE ($2 IS NULL OR r.format = $2) AND ($3 IS NULL OR r.name = $3)" \
	" AND ($4 IS NULL OR r.type = ANY ($4))" \
	" AND ($12 IS NULL OR (r." LIST_BY ", r.id) > ($12, $13))" \
	" AND ($14 IS NULL OR r.dataset = $14)" \
	" AND ($15 IS NULL OR r.generator = $15)"

/*
 * Published, stored, and the newest revision, which is found by its index
 * however few rows the planner expects.
 */
#define LIST_PUBLISHED \
	" AND r.status = 'completed' AND r.expires_at > now()" \
	" AND (SELECT n.id FROM %s._rde_report n WHERE n.supersedes = r.id" \
	" AND n.status = 'completed') IS NULL" \
	" AND ($11 IS NULL OR r.system_identifier <> " CLUSTER \
	" OR pg_visible_in_snapshot(r.published_xid, $11))"

#define CLUSTER		"(SELECT c.system_identifier FROM pg_control_system() c)"

#define LIST_ORDER(LIST_BY)	" ORDER BY r." LIST_BY ", r.id LIMIT " PART_ITEMS " + 1"

typedef enum ListParameter
{
	PARAMETER_DETAIL, PARAMETER_FORMAT, PARAMETER_NAME, PARAMETER_TYPES,
	PARAMETER_ALL, PARAMETER_ACCOUNTS, PARAMETER_FROM, PARAMETER_END,
	PARAMETER_SEEN, PARAMETER_STATUS, PARAMETER_UPTO, PARAMETER_LAST,
	PARAMETER_LAST_ID, PARAMETER_DATASET, PARAMETER_GENERATOR,
	PARAMETER_COUNT
} ListParameter;

#define LISTING_TYPES \
	{BOOLOID, TEXTOID, TEXTOID, TEXTARRAYOID, BOOLOID, INT8ARRAYOID, \
	TIMESTAMPTZOID, TIMESTAMPTZOID, PG_SNAPSHOTOID, TEXTOID, PG_SNAPSHOTOID, \
	TIMESTAMPTZOID, UUIDOID, TEXTOID, UUIDOID}

static const RdeStatement list_unpublished = {
	.sql = LIST_COLUMNS("submitted_at")
	/* for the index; what is processing is a function's to say */
	" AND r.status = CASE WHEN $10 = 'processing' THEN 'submitted' ELSE $10 END"
	" AND %s._rde_status(r.status, r.claim_pid, r.claim_start) = $10"
	" AND (r.expires_at > now() OR r.status = 'submitted')"
	" AND ($5 OR r.reseller = ANY ($6))"
	" AND ($7 IS NULL OR r.submitted_at >= $7 AND r.submitted_at < $8)"
	LIST_ORDER("submitted_at"),
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* Planned for its cursor, which says how many rows there may be. */
static const RdeStatement list_after = {
	.sql = LIST_COLUMNS("published_at") LIST_PUBLISHED
	" AND ($5 OR r.reseller = ANY ($6))"
	" AND r.published_xid >= pg_snapshot_xmin($9)"
	" AND NOT pg_visible_in_snapshot(r.published_xid, $9)"
	" AND r.system_identifier = " CLUSTER
	LIST_ORDER("published_at"),
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

static const RdeStatement list_all = {
	.sql = LIST_COLUMNS("published_at") LIST_PUBLISHED
	" AND r.published_at >= $7 AND r.published_at < $8"
	LIST_ORDER("published_at"),
	.types = LISTING_TYPES,
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT,
	.planned_once = true
};

static const RdeStatement list_accounts = {
	.sql = LIST_COLUMNS("published_at") LIST_PUBLISHED
	" AND r.reseller = ANY ($6)"
	" AND r.published_at >= $7 AND r.published_at < $8"
	LIST_ORDER("published_at"),
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
	RdePlace   *place;			/* where it goes on; NULL: it begins */
	const char *seen;			/* the cursor it is since, or NULL */
	const char *upto;			/* the cursor at its end; NULL: not known */
	bool		published;		/* completed ones; of others there are no
								 * links */
	bool		linked;			/* the caller may have links to them */
	Datum		values[PARAMETER_COUNT];
	char		nulls[PARAMETER_COUNT + 1];
} Listing;

static void
refuse(const char *argument, const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 err_generic_string(PG_DIAG_COLUMN_NAME, argument),
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

/*
 * Both days are needed, unless something else says which reports: then they are the
 * last ones, today included.
 */
static void
take_period(Listing *list, FunctionCallInfo fcinfo)
{
	bool		chosen = !PG_ARGISNULL(3) || !PG_ARGISNULL(4) || !PG_ARGISNULL(5);
	NullableDatum *days = fcinfo->args;

	if (chosen && days[1].isnull)
	{
		days[1].value = DirectFunctionCall1(timestamp_date,
											TimestampTzGetDatum(GetCurrentTimestamp()));
		days[1].isnull = false;
		/* a first day that is yet to come is a list of nothing, not an error */
		if (!days[0].isnull && DatumGetDateADT(days[0].value) > DatumGetDateADT(days[1].value))
			days[1].value = days[0].value;
	}
	if (chosen && days[0].isnull)
	{
		days[0].value = DateADTGetDatum(DatumGetDateADT(days[1].value) - DEFAULT_DAYS);
		days[0].isnull = false;
	}
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
		refuse("status", psprintf("report status \"%s\" does not exist", status),
			   "Use submitted, processing, completed or error.");
	list->published = strcmp(status, "completed") == 0;
	set(list, PARAMETER_STATUS, CStringGetTextDatum(status));
}

static void
take_type(Listing *list, const char *type)
{
	static const char *const others[] = {"onetime", "on_invoice", NULL};
	bool		periodic = strcmp(type, "periodic") == 0;
	Datum		elements[RDE_EVENT_COUNT];
	int			count = 0;

	for (int event = 0; event < RDE_EVENT_COUNT; event++)
		if (periodic || strcmp(type, rde_event_names[event]) == 0)
			elements[count++] = CStringGetTextDatum(rde_event_names[event]);
	if (count == 0 && !is_one_of(type, others))
		refuse("type", psprintf("report type \"%s\" does not exist", type),
			   "Use onetime, daily, weekly, monthly, quarterly, on_invoice, or periodic for all that have a calendar.");
	if (count == 0)
		elements[count++] = CStringGetTextDatum(type);
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
		refuse("after", "after takes the place of the first and the last day",
			   "Leave both days out.");
	if (!PG_ARGISNULL(2))
		take_format(list, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (!PG_ARGISNULL(3))
		set(list, PARAMETER_NAME, PG_GETARG_DATUM(3));
	take_status(list, PG_ARGISNULL(4) ? "completed" :
				text_to_cstring(PG_GETARG_TEXT_PP(4)));
	if (!PG_ARGISNULL(5))
		take_type(list, text_to_cstring(PG_GETARG_TEXT_PP(5)));
	if (!PG_ARGISNULL(8))
		set(list, PARAMETER_DATASET, PG_GETARG_DATUM(8));
	if (!PG_ARGISNULL(9))
		set(list, PARAMETER_GENERATOR, PG_GETARG_DATUM(9));
}

/* The snapshot of a cursor, until SPI_finish(); raises 22023 for what is none. */
static Datum
snapshot_of(const Listing *list, const char *cursor)
{
	Datum		values[] = {CStringGetTextDatum(cursor)};

	rde_execute(list->home, &read_cursor, values, NULL);
	return rde_row_datum(rde_row(0), 1);
}

/*
 * Since when, or from which place of a list on: that of days, whose end and
 * whose last snapshot stand in the place, or that since another cursor.
 */
static void
take_cursor(Listing *list, const char *text)
{
	if (strchr(text, RDE_PLACE_SEPARATOR) == NULL)
		list->seen = text;
	else
	{
		list->place = rde_place_read(text);
		if (list->place == NULL)
			refuse("after", "after is not a cursor of this server",
				   "Take \"next\" of an earlier answer, or begin with a first and a last day.");
		list->seen = list->place->seen;
		list->upto = list->place->upto;
		set(list, PARAMETER_UPTO, snapshot_of(list, list->upto));
		set(list, PARAMETER_LAST, TimestampTzGetDatum(list->place->last));
		set(list, PARAMETER_LAST_ID, UUIDPGetDatum(&list->place->id));
	}
	if (list->seen)
		set(list, PARAMETER_SEEN, snapshot_of(list, list->seen));
	else
	{
		/* that of days, which goes on */
		list->after = false;
		set(list, PARAMETER_FROM, TimestampTzGetDatum(list->place->last));
		set(list, PARAMETER_END, TimestampTzGetDatum(list->place->end));
	}
}

/* Whose reports the caller sees, and what was published since which cursor. */
static void
look_up(Listing *list, FunctionCallInfo fcinfo)
{
	RdeWho		who = rde_who(list->home);

	list->linked = list->published && who.rank >= RDE_TENANT;
	set(list, PARAMETER_ALL,
		BoolGetDatum(who.rank == RDE_READER || who.rank >= RDE_OPERATOR));
	set(list, PARAMETER_ACCOUNTS,
		PointerGetDatum(rde_visible(list->home, &who)));
	if (list->after)
		take_cursor(list, text_to_cstring(PG_GETARG_TEXT_PP(7)));
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

/* The cursor of the snapshot that the first part was read with. */
static const char *
upto(const Listing *list)
{
	if (list->upto)
		return list->upto;
	/* under the same snapshot as the rows */
	rde_execute(list->home, &next_cursor, NULL, NULL);
	return rde_row_text(rde_row(0), 1);
}

/* Where the list goes on behind this row. */
static const char *
place_of(const Listing *list, RdeRow row)
{
	RdePlace	place = {.seen = list->seen,.upto = upto(list)};
	Datum		columns[LIST_COUNT];
	bool		nulls[LIST_COUNT];

	rde_row_values(row, columns, nulls);
	place.end = list->seen ? 0 :
		DatumGetTimestampTz(list->values[PARAMETER_END]);
	place.last = DatumGetTimestampTz(columns[LIST_POSITION]);
	place.id = *DatumGetUUIDP(columns[LIST_ID]);
	return rde_place_text(&place);
}

static void
append_next(StringInfo out, const char *next)
{
	appendStringInfoString(out, ",\"next\":");
	escape_json(out, next);
}

/* The rows SPI returned as the body. */
static void
append_body(StringInfo out, const Listing *list)
{
	SPITupleTable *rows = SPI_tuptable;
	int			found = SPI_processed;
	int			count = 0;
	MemoryContext context;
	MemoryContext old;
	RdeLinkKey *key = NULL;

	if (found > 0 && list->linked)
		key = rde_link_key(list->home);
	context = AllocSetContextCreate(CurrentMemoryContext, "rde list item",
									ALLOCSET_SMALL_SIZES);
	appendStringInfoString(out, "{\"data\":[");
	while (count < Min(found, atoi(PART_ITEMS)) && out->len < PART_BYTES)
	{
		RdeRow		row = {rows->vals[count], rows->tupdesc};

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		if (count > 0)
			appendStringInfoChar(out, ',');
		append_item(out, list, row, key);
		count++;
		MemoryContextSwitchTo(old);
	}
	appendStringInfo(out, "],\"pagination\":{\"offset\":0,\"limit\":%d,\"total\":%d}",
					 count, count);
	if (count < found)
	{
		RdeRow		last = {rows->vals[count - 1], rows->tupdesc};

		append_next(out, place_of(list, last));
	}
	else if (list->after || list->detail)
		append_next(out, upto(list));
	appendStringInfoChar(out, '}');
}

/*
 * rde_list_reports(first_day date, last_day date, format, name, status, type
 * text, detail boolean, after, dataset text, generator uuid) → json.  Raises 22004, 22008 and 22023.
 */
Datum
rde_list_reports(PG_FUNCTION_ARGS)
{
	Listing		list = {0};
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
