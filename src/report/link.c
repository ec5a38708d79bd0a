/*
 * link.c
 *	  Links to reports: making and redeeming them.
 *
 * Invariant: a link is looked at as a claim until its signature has been found
 * right, and nothing is looked up for it before; whatever is wrong with it,
 * the answer is the same.
 */
#include "core/row.h"
#include "core/settings.h"
#include "core/sign.h"
#include "core/statement.h"
#include "core/url.h"
#include "report/link.h"
#include "report/missing.h"
#include "report/report.h"
#include "who/opened.h"
#include "who/sight.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define LINK_VERSION	"2026-11-01"

static void
append_field(StringInfo url, char separator, const char *name,
			 const char *value)
{
	appendStringInfoChar(url, separator);
	appendStringInfoString(url, name);
	appendStringInfoChar(url, '=');
	rde_url_append(url, value, "");
}

/* What a link to a report's file says, signed; as a path below rde.base_url. */
static const char *
make_url(const RdeLink *link, const uint8 *key, size_t key_length)
{
	uint8		signature[RDE_SIGNATURE_LENGTH];
	StringInfoData url;
	int			length = strlen(rde_setting_base_url);

	rde_sign(link, key, key_length, signature);
	initStringInfo(&url);
	while (length > 0 && rde_setting_base_url[length - 1] == '/')
		length--;
	appendBinaryStringInfo(&url, rde_setting_base_url, length);
	appendStringInfoString(&url, "/reports/");
	appendStringInfoString(&url, link->report);
	appendStringInfoChar(&url, '/');
	rde_url_append(&url, link->file_name, "");
	append_field(&url, '?', "sv", link->sv);
	append_field(&url, '&', "st", link->st);
	append_field(&url, '&', "se", link->se);
	append_field(&url, '&', "sp", link->sp);
	append_field(&url, '&', "sr", link->sr);
	append_field(&url, '&', "kid", link->kid);
	append_field(&url, '&', "sig", rde_url_base64(signature,
												  RDE_SIGNATURE_LENGTH));
	return url.data;
}

static const RdeStatement newest_key = {
	.sql = "SELECT kid, secret, now() + %s._rde_link_lifetime()"
	" FROM %s._rde_signing_key WHERE revoked_at IS NULL"
	" ORDER BY created_at DESC, kid LIMIT 1",
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

RdeLinkKey *
rde_link_key(const RdeHome *home)
{
	MemoryContext context = CurrentMemoryContext;
	RdeLinkKey *key;
	RdeRow		row;

	rde_execute(home, &newest_key, NULL, NULL);
	if (SPI_processed == 0)
		return NULL;
	MemoryContextSwitchTo(context);
	row = rde_row(0);
	key = palloc(sizeof(RdeLinkKey));
	key->kid = rde_row_text(row, 1);
	key->secret = rde_row_bytea(row, 2);
	key->latest = rde_row_instant(row, 3);
	return key;
}

/* A function of whoever has the rights of the extension's owner? */
static bool
is_ours(const RdeHome *home, Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return has_privs_of_role(owner, home->owner);
}

/*
 * The link that the store a file is in gives: rde_<store>_download_url(report),
 * looked up beside our own functions.  NULL if it gives none just now, or is not
 * installed.  Whoever else may create functions here gives no links.
 */
static const char *
store_url(const RdeHome *home, const char *store, const pg_uuid_t *id)
{
	LOCAL_FCINFO(fcinfo, 1);
	Oid			types[] = {UUIDOID};
	List	   *name = list_make2(makeString(get_namespace_name(home->schema_id)),
								  makeString(psprintf("rde_%s_download_url",
													  store)));
	Oid			function = LookupFuncName(name, 1, types, true);
	FmgrInfo	flinfo;
	Datum		url;

	if (!OidIsValid(function) || get_func_rettype(function) != TEXTOID ||
		!is_ours(home, function))
		return NULL;
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = UUIDPGetDatum(id);
	fcinfo->args[0].isnull = false;
	url = FunctionCallInvoke(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(url);
}

const char *
rde_link_url(const RdeHome *home, const RdeLinkKey *key,
			 const RdeLinked *linked)
{
	RdeLink		link;

	if (strcmp(linked->store, RDE_STORE_LOCAL) != 0)
		return store_url(home, linked->store, linked->report);
	if (key == NULL)
		return NULL;

	link.report = rde_uuid_text(linked->report);
	link.file_name = linked->file_name;
	link.sv = LINK_VERSION;
	link.st = rde_url_instant(linked->created - RDE_LINK_EARLY);
	link.se = rde_url_instant(Min(linked->expires, key->latest));
	link.sp = "r";
	link.sr = "b";
	link.kid = psprintf("%s.%d", key->kid, linked->number);
	return make_url(&link, (uint8 *) VARDATA(key->secret),
					VARSIZE(key->secret) - VARHDRSZ);
}

static const RdeStatement find_report = {
	.sql = "SELECT status, reseller, file_name, published_at, expires_at,"
	" link_number, store FROM %s._rde_report"
	" WHERE id = $1 AND (expires_at > now() OR status = 'submitted')",
	.types = {UUIDOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

enum
{
	REPORT_STATUS = 1, REPORT_RESELLER, REPORT_FILE_NAME, REPORT_PUBLISHED,
	REPORT_EXPIRES, REPORT_LINK_NUMBER, REPORT_STORE
};

/*
 * The link of a completed report that the caller may read: its store's, or ours,
 * made with the newest key; NULL for any other.  *found says whether there is such a report for him.
 */
static const char *
report_url(const RdeHome *home, const pg_uuid_t *id, bool *found,
		   char **status)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[] = {UUIDPGetDatum(id)};
	const char *url = NULL;
	RdeLinked	linked;
	RdeRow		row;
	bool		has_reseller;

	rde_connect();
	rde_execute(home, &find_report, values, NULL);
	*found = false;
	if (SPI_processed == 0)
	{
		SPI_finish();
		return NULL;
	}
	row = rde_row(0);
	*status = MemoryContextStrdup(context, rde_row_text(row, REPORT_STATUS));
	has_reseller = !rde_row_is_null(row, REPORT_RESELLER);
	*found = rde_may_act(home, has_reseller, has_reseller ?
						 rde_row_int64(row, REPORT_RESELLER) : 0);
	if (*found && strcmp(*status, "completed") == 0)
	{
		linked.report = id;
		linked.file_name = rde_row_text(row, REPORT_FILE_NAME);
		linked.created = rde_row_instant(row, REPORT_PUBLISHED);
		linked.expires = rde_row_instant(row, REPORT_EXPIRES);
		linked.number = rde_row_int32(row, REPORT_LINK_NUMBER);
		linked.store = rde_row_text(row, REPORT_STORE);
		url = rde_link_url(home, rde_link_key(home), &linked);
	}
	if (url != NULL)
		url = MemoryContextStrdup(context, url);
	SPI_finish();
	return url;
}

static const RdeStatement find_moved = {
	.sql = "SELECT r.store FROM %s._rde_report r WHERE r.id = $1"
	" AND r.store <> '" RDE_STORE_LOCAL "' AND NOT EXISTS"
	" (SELECT FROM %s._rde_report_chunk c"
	" WHERE c.report = r.id AND c.seq = 0)",
	.types = {UUIDOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/*
 * The link of a completed report's file that is in its store only; NULL for one
 * that is here.  Raises 55000 while the store gives no link.  Whoever calls has
 * found that the caller may read it, and is connected to SPI.
 */
static const char *
moved_url(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};
	const char *store;
	const char *url;

	rde_execute(home, &find_moved, values, NULL);
	if (SPI_processed == 0)
		return NULL;
	store = rde_row_text(rde_row(0), 1);
	url = store_url(home, store, id);
	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("file of report %s is in store \"%s\", which gives no link just now",
						rde_uuid_text(id), store),
				 errhint("Try again in a minute.")));
	return url;
}

static void
refuse_link(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the link is not valid")));
}

static const RdeStatement find_key = {
	.sql = "SELECT secret FROM %s._rde_signing_key"
	" WHERE kid = $1 AND revoked_at IS NULL",
	.types = {TEXTOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/*
 * Is it ours? The key is looked up by what the link says, and nothing else is
 * before the signature has been found right.
 */
static bool
is_signed(const RdeHome *home, const RdeLink *link, const char *signature,
		  char **number)
{
	char	   *kid = pstrdup(link->kid);
	char	   *dot = strrchr(kid, '.');
	uint8		expected[RDE_SIGNATURE_LENGTH];
	Datum		values[1];
	const char *text;
	bytea	   *key;

	if (dot == NULL)
		return false;
	*dot = '\0';
	*number = dot + 1;
	values[0] = CStringGetTextDatum(kid);
	rde_execute(home, &find_key, values, NULL);
	if (SPI_processed == 0)
		return false;
	key = rde_row_bytea(rde_row(0), 1);
	rde_sign(link, (uint8 *) VARDATA(key), VARSIZE(key) - VARHDRSZ, expected);

	/* the text is compared: two spellings of one signature are two links */
	text = rde_url_base64(expected, RDE_SIGNATURE_LENGTH);
	return strlen(signature) == strlen(text) &&
		rde_sign_equal((const uint8 *) signature, (const uint8 *) text,
					   strlen(text));
}

PG_FUNCTION_INFO_V1(rde_download_url);
PG_FUNCTION_INFO_V1(rde_report_link);
PG_FUNCTION_INFO_V1(rde_moved_to);
PG_FUNCTION_INFO_V1(rde_redeem);

/*
 * rde_download_url(report uuid) → text.  Raises 42704 for a report that is not
 * there for the caller, 55000 for one that is not completed, or whose store
 * gives no link just now.
 */
Datum
rde_download_url(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	const char *url;
	char	   *status;
	bool		found;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("report must not be null")));
	url = report_url(home, PG_GETARG_UUID_P(0), &found, &status);
	if (!found)
		rde_report_missing(PG_GETARG_UUID_P(0));
	if (strcmp(status, "completed") != 0)
		rde_report_not_completed(PG_GETARG_UUID_P(0), status);
	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no link to report %s just now",
						rde_uuid_text(PG_GETARG_UUID_P(0))),
				 errhint("Its store is moving the file, or is not set up: see the column store of rde_reports.")));
	PG_RETURN_TEXT_P(cstring_to_text(url));
}

/* _rde_report_link(report uuid) → text, NULL where there is none for the caller */
Datum
rde_report_link(PG_FUNCTION_ARGS)
{
	const char *url;
	char	   *status;
	bool		found;

	url = report_url(rde_home(fcinfo), PG_GETARG_UUID_P(0), &found, &status);
	if (url == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(url));
}

/* _rde_moved_to(report uuid) → text, NULL for a file that is here; raises 55000 */
Datum
rde_moved_to(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	const char *url;

	rde_connect();
	url = moved_url(home, PG_GETARG_UUID_P(0));
	if (url)
		url = MemoryContextStrdup(context, url);
	SPI_finish();
	if (url == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(url));
}

/* What the arguments of rde_redeem() say; refused if one of them is NULL. */
static RdeLink
link_argument(FunctionCallInfo fcinfo)
{
	RdeLink		link;

	for (int i = 0; i < 9; i++)
	{
		if (PG_ARGISNULL(i))
			refuse_link();
	}
	link.report = rde_uuid_text(PG_GETARG_UUID_P(0));
	link.file_name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	link.sv = text_to_cstring(PG_GETARG_TEXT_PP(2));
	link.st = text_to_cstring(PG_GETARG_TEXT_PP(3));
	link.se = text_to_cstring(PG_GETARG_TEXT_PP(4));
	link.sp = text_to_cstring(PG_GETARG_TEXT_PP(5));
	link.sr = text_to_cstring(PG_GETARG_TEXT_PP(6));
	link.kid = text_to_cstring(PG_GETARG_TEXT_PP(7));
	return link;
}

/* Does a link that we signed open a file at a moment? */
static bool
holds(const RdeLink *link, TimestampTz moment)
{
	TimestampTz begin;
	TimestampTz end;

	return strcmp(link->sv, LINK_VERSION) == 0 &&
		strcmp(link->sp, "r") == 0 && strcmp(link->sr, "b") == 0 &&
		rde_url_parse_instant(link->st, &begin) &&
		rde_url_parse_instant(link->se, &end) &&
		moment >= begin && moment < end;
}

/* The store, and what rde_redeem() returns but for where the file has moved to. */
static const RdeStatement find_redeemed = {
	.sql = "SELECT id, reseller, name, file_name, media_type, file_bytes,"
	" encode(sha256, 'hex'), row_count, published_at, store"
	" FROM %s._rde_report WHERE id = $1 AND file_name = $2"
	" AND link_number::text = $3 AND status = 'completed'"
	" AND expires_at > $4"
	" AND $4 >= clock_timestamp() - %s._rde_grace()",
	.types = {UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* The last column of the statement, and in its place of the result. */
#define REDEEM_STORE	10
#define REDEEM_COLUMNS	10

/*
 * rde_redeem(report uuid, file_name text, sv, st, se, sp, sr, kid, sig text,
 * begun timestamptz) → id, reseller, name, file_name, media_type, file_bytes,
 * sha256, row_count, published_at, moved_to; and that report's file may be
 * read for the rest of the transaction, or is to be had from where moved_to
 * says.  begun is when a download began that goes on, see _rde_grace().
 * Raises 42501, always the same, for whatever is wrong with the link; 55000
 * while the file's store gives no link.
 */
Datum
rde_redeem(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz moment = now;
	Datum		values[4];
	RdeLink		link;
	char	   *number;
	TupleDesc	desc;
	HeapTuple	redeemed;
	RdeRow		row;
	const char *url = NULL;
	Datum		result[REDEEM_COLUMNS];
	bool		nulls[REDEEM_COLUMNS];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	link = link_argument(fcinfo);
	if (!PG_ARGISNULL(9))
		moment = PG_GETARG_TIMESTAMPTZ(9);

	rde_connect();
	if (!is_signed(home, &link, text_to_cstring(PG_GETARG_TEXT_PP(8)),
				   &number) || moment > now || !holds(&link, moment))
		refuse_link();

	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = CStringGetTextDatum(number);
	/* rde_keep_report() may have brought its end forward */
	values[3] = TimestampTzGetDatum(moment);
	rde_execute(home, &find_redeemed, values, NULL);
	if (SPI_processed == 0)
		refuse_link();
	rde_access_redeem(PG_GETARG_UUID_P(0));
	row = rde_row(0);
	if (strcmp(rde_row_text(row, REDEEM_STORE), RDE_STORE_LOCAL) != 0)
		url = moved_url(home, PG_GETARG_UUID_P(0));
	rde_row_values(row, result, nulls);
	nulls[REDEEM_COLUMNS - 1] = url == NULL;
	if (url)
		result[REDEEM_COLUMNS - 1] = CStringGetTextDatum(url);
	MemoryContextSwitchTo(context);
	redeemed = heap_form_tuple(BlessTupleDesc(desc), result, nulls);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(redeemed));
}
