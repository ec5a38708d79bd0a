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
#include "who/who.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "format/format.h"
#include "report/link.h"
#include "api/place.h"
#include "miscadmin.h"
#include "core/url.h"
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

/* A part ends with the item that makes it as long as this, or with so many. */
#define PART_BYTES		(1024 * 1024)
#define PART_ITEMS		"2000"

#define LIST_COLUMNS(LIST_BY) \
	"SELECT r.id, r.name, r.format, r.file_name," \
	" r.published_at, r.expires_at, r.link_number, r.store," \
	" CASE WHEN $1 THEN %s._rde_report_details(r)::text END," \
	" r." LIST_BY \
	" FROM %s._rde_report r" \
	" WHERE ($2 IS NULL OR r.format = $2) AND ($3 IS NULL OR r.name = $3)" \
	" AND ($4 IS NULL OR r.type = ANY ($4))" \
	" AND ($12 IS NULL OR (r." LIST_BY ", r.id) > ($12, $13))"

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
	PARAMETER_LAST_ID, PARAMETER_COUNT
} ListParameter;

static Oid	parameter_types[] = {
	BOOLOID, TEXTOID, TEXTOID, TEXTARRAYOID, BOOLOID, INT8ARRAYOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, PG_SNAPSHOTOID, TEXTOID, PG_SNAPSHOTOID,
	TIMESTAMPTZOID, UUIDOID
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
	static const char *const hint =
	"Both days are included.";
	Datum		from = PG_GETARG_DATUM(0);
	Datum		to = PG_GETARG_DATUM(1);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the first and the last day must not be null"),
				 errhint("%s", hint)));
	if (DATE_NOT_FINITE(DatumGetDateADT(from)) ||
		DATE_NOT_FINITE(DatumGetDateADT(to)))
		refuse("the first and the last day must be finite dates", hint);
	if (DatumGetDateADT(from) > DatumGetDateADT(to))
		refuse(psprintf("the first day (%s) is after the last day (%s)",
						DatumGetCString(DirectFunctionCall1(date_out, from)),
						DatumGetCString(DirectFunctionCall1(date_out, to))),
			   hint);
	set(list, PARAMETER_FROM, day_start(DatumGetDateADT(from)));
	set(list, PARAMETER_END, day_start(DatumGetDateADT(to) + 1));
}

static void
take_format(Listing *list, const char *given)
{
	char	   *format = asc_tolower(given, strlen(given));

	if (strcmp(format, "xslx") == 0)
		format = "xlsx";		/* as the documentation had it */
	(void) rde_format_find(format);
	set(list, PARAMETER_FORMAT, CStringGetTextDatum(format));
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

/* The value a statement returns; it lives until SPI_finish(). */
static Datum
only_value(void)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						 &isnull);
}

/* The snapshot of a cursor; raises 22023 for what is none. */
static Datum
snapshot_of(const Listing *list, const char *cursor)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(cursor)};

	rde_execute(list->home, "SELECT %s._rde_read_cursor($1)",
				1, types, values, NULL, true, SPI_OK_SELECT);
	return only_value();
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
			refuse("after is not a cursor of this server",
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

/* Run the statement that fits; its rows are in SPI_tuptable. */
static void
read_rows(Listing *list)
{
	if (!list->published)
		rde_execute(list->home,
					LIST_COLUMNS("submitted_at")
					" AND r.status = CASE WHEN $10 = 'processing' THEN 'submitted' ELSE $10 END"
					" AND (r.expires_at > now() OR r.status = 'submitted')"
					" AND ($5 OR r.reseller = ANY ($6))"
					" AND ($7 IS NULL OR r.submitted_at >= $7 AND r.submitted_at < $8)"
					" AND ($10 = 'error' OR ($10 = 'processing') ="
					" (r.claim_pid IS NOT NULL AND %s._rde_alive(r.claim_pid, r.claim_start)))"
					LIST_ORDER("submitted_at"),
					PARAMETER_COUNT, parameter_types, list->values,
					list->nulls, true, SPI_OK_SELECT);
	else if (list->after)
		/* planned for its cursor, which says how many rows there may be */
		rde_execute(list->home,
					LIST_COLUMNS("published_at") LIST_PUBLISHED
					" AND ($5 OR r.reseller = ANY ($6))"
					" AND r.published_xid >= pg_snapshot_xmin($9)"
					" AND NOT pg_visible_in_snapshot(r.published_xid, $9)"
					" AND r.system_identifier = " CLUSTER
					LIST_ORDER("published_at"),
					PARAMETER_COUNT, parameter_types, list->values,
					list->nulls, true, SPI_OK_SELECT);
	else if (DatumGetBool(list->values[PARAMETER_ALL]))
		rde_read_planned_once(list->home,
							  LIST_COLUMNS("published_at") LIST_PUBLISHED
							  " AND r.published_at >= $7 AND r.published_at < $8"
							  LIST_ORDER("published_at"),
							  PARAMETER_COUNT, parameter_types, list->values,
							  list->nulls);
	else
		rde_read_planned_once(list->home,
							  LIST_COLUMNS("published_at") LIST_PUBLISHED
							  " AND r.reseller = ANY ($6)"
							  " AND r.published_at >= $7 AND r.published_at < $8"
							  LIST_ORDER("published_at"),
							  PARAMETER_COUNT, parameter_types, list->values,
							  list->nulls);
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
append_item(StringInfo out, const Listing *list, HeapTuple row,
			TupleDesc desc, const RdeLinkKey *key)
{
	Datum		columns[LIST_COUNT];
	bool		nulls[LIST_COUNT];
	const char *format;
	const char *link;

	heap_deform_tuple(row, desc, columns, nulls);
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
	rde_execute(list->home, "SELECT %s._rde_cursor()",
				0, NULL, NULL, NULL, true, SPI_OK_SELECT);
	return TextDatumGetCString(only_value());
}

/* Where the list goes on behind this row. */
static const char *
place_of(const Listing *list, HeapTuple row, TupleDesc desc)
{
	RdePlace	place = {.seen = list->seen,.upto = upto(list)};
	Datum		columns[LIST_COUNT];
	bool		nulls[LIST_COUNT];

	heap_deform_tuple(row, desc, columns, nulls);
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

/* The rows as the body; SPI_tuptable is another's afterwards. */
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
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		if (count > 0)
			appendStringInfoChar(out, ',');
		append_item(out, list, rows->vals[count++], rows->tupdesc, key);
		MemoryContextSwitchTo(old);
	}
	appendStringInfo(out, "],\"pagination\":{\"offset\":0,\"limit\":%d,\"total\":%d}",
					 count, count);
	if (count < found)
		append_next(out, place_of(list, rows->vals[count - 1], rows->tupdesc));
	else if (list->after || list->detail)
		append_next(out, upto(list));
	appendStringInfoChar(out, '}');
}

/*
 * rde_list_reports(first_day date, last_day date, format, name, status, type
 * text, detail boolean, after text) → json.  Raises 22004, 22008 and 22023.
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
	read_rows(&list);
	append_body(&body, &list);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(body.data, body.len));
}
