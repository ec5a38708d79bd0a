/*
 * link.c
 *	  Links to reports: making and redeeming them.
 *
 * Invariant: a link is looked at as a claim until its signature has been found
 * right, and nothing is looked up for it before; whatever is wrong with it,
 * the answer is the same.
 */
#include "access.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/base64.h"
#include "funcapi.h"
#include "link.h"
#include "report.h"
#include "sign.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define LINK_VERSION	"2026-11-01"

/* Clocks of clients that check st may be late. */
#define LINK_EARLY		(10 * USECS_PER_MINUTE)

/* How long after its end a download that began before may go on. */
#define LINK_GRACE		(1 * USECS_PER_HOUR)

/* A number in `digits` digits and what follows it; returns what is behind. */
static char *
put_digits(char *to, int number, int digits, char then)
{
	for (int i = digits - 1; i >= 0; i--)
	{
		to[i] = '0' + number % 10;
		number /= 10;
	}
	to[digits] = then;
	return to + digits + 1;
}

const char *
rde_instant_text(TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *text;
	char	   *to;

	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0 ||
		tm.tm_year < 0 || tm.tm_year > 9999)
		return "9999-12-31T23:59:59Z";	/* kept for good */
	/* a list has three for each report, and sprintf takes its time */
	to = text = palloc(sizeof("yyyy-mm-ddThh:mi:ssZ"));
	to = put_digits(to, tm.tm_year, 4, '-');
	to = put_digits(to, tm.tm_mon, 2, '-');
	to = put_digits(to, tm.tm_mday, 2, 'T');
	to = put_digits(to, tm.tm_hour, 2, ':');
	to = put_digits(to, tm.tm_min, 2, ':');
	to = put_digits(to, tm.tm_sec, 2, 'Z');
	*to = '\0';
	return text;
}

/* The same, read; false unless it is exactly that. */
static bool
parse_instant(const char *text, TimestampTz *instant)
{
	struct pg_tm tm = {0};
	int			end = 0;

	if (strlen(text) != 20 ||
		sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &tm.tm_year, &tm.tm_mon,
			   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
		end != 20)
		return false;
	return tm2timestamp(&tm, 0, NULL, instant) == 0;
}

static void
append_encoded(StringInfo url, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char	   *to;

	enlargeStringInfo(url, 3 * strlen(text));
	to = url->data + url->len;
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || *c == '-' || *c == '.' ||
			*c == '_' || *c == '~')
			*to++ = *c;
		else
		{
			*to++ = '%';
			*to++ = digits[*c >> 4];
			*to++ = digits[*c & 15];
		}
	}
	*to = '\0';
	url->len = to - url->data;
}

static void
append_field(StringInfo url, char separator, const char *name,
			 const char *value)
{
	appendStringInfoChar(url, separator);
	appendStringInfoString(url, name);
	appendStringInfoChar(url, '=');
	append_encoded(url, value);
}

static const char *
signature_text(const uint8 *signature)
{
	int			size = pg_b64_enc_len(RDE_SIGNATURE_LENGTH) + 1;
	char	   *text = palloc(size);
	int			length;

	length = pg_b64_encode((const char *) signature, RDE_SIGNATURE_LENGTH,
						   text, size - 1);
	if (length < 0)
		elog(ERROR, "could not encode a signature");
	text[length] = '\0';
	return text;
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
	append_encoded(&url, link->file_name);
	append_field(&url, '?', "sv", link->sv);
	append_field(&url, '&', "st", link->st);
	append_field(&url, '&', "se", link->se);
	append_field(&url, '&', "sp", link->sp);
	append_field(&url, '&', "sr", link->sr);
	append_field(&url, '&', "kid", link->kid);
	append_field(&url, '&', "sig", signature_text(signature));
	return url.data;
}

static bytea *
bytea_column(int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
									  SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(value);
}

static char *
text_column(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

static TimestampTz
instant_column(int column)
{
	bool		isnull;

	return DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, column,
											 &isnull));
}

RdeLinkKey *
rde_link_key(const RdeHome *home)
{
	MemoryContext context = CurrentMemoryContext;
	RdeLinkKey *key;
	Datum		latest;
	bool		isnull;

	rde_execute(home,
				"SELECT kid, secret, now() + %s._rde_link_lifetime()"
				" FROM %s.rde_signing_key WHERE revoked_at IS NULL"
				" ORDER BY created_at DESC, kid LIMIT 1",
				0, NULL, NULL, NULL, true, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	MemoryContextSwitchTo(context);
	latest = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3,
						   &isnull);
	key = palloc(sizeof(RdeLinkKey));
	key->kid = text_column(1);
	key->secret = bytea_column(2);
	key->latest = isnull ? DT_NOEND : DatumGetTimestampTz(latest);
	return key;
}

const char *
rde_link_url(const RdeLinkKey *key, const RdeLinked *linked)
{
	RdeLink		link;

	link.report = rde_uuid_text(linked->report);
	link.file_name = linked->file_name;
	link.sv = LINK_VERSION;
	link.st = rde_instant_text(linked->created - LINK_EARLY);
	link.se = rde_instant_text(Min(linked->expires, key->latest));
	link.sp = "r";
	link.sr = "b";
	link.kid = psprintf("%s.%d", key->kid, linked->number);
	return make_url(&link, (uint8 *) VARDATA(key->secret),
					VARSIZE(key->secret) - VARHDRSZ);
}

/*
 * The link of a completed report that the caller may read, made with the newest
 * key; NULL for any other.  *found says whether there is such a report for him.
 */
static const char *
report_url(const RdeHome *home, const pg_uuid_t *id, bool *found,
		   char **status)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {UUIDOID};
	Datum		values[] = {UUIDPGetDatum(id)};
	const char *url = NULL;
	RdeLinked	linked;
	bool		isnull;
	Datum		reseller;
	RdeLinkKey *key;

	rde_connect();
	rde_execute(home,
				"SELECT status, reseller, file_name, created_at, expires_at,"
				" link_number FROM %s.rde_report"
				" WHERE id = $1 AND (expires_at > now() OR status = 'submitted')",
				1, types, values, NULL, true, SPI_OK_SELECT);
	*found = false;
	if (SPI_processed == 0)
	{
		SPI_finish();
		return NULL;
	}
	*status = MemoryContextStrdup(context, text_column(1));
	reseller = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2,
							 &isnull);
	linked.report = id;
	linked.file_name = text_column(3);
	linked.created = instant_column(4);
	linked.expires = instant_column(5);
	linked.number = atoi(text_column(6));
	*found = rde_may_see(home, id, !isnull,
						 isnull ? 0 : DatumGetInt64(reseller), true);
	if (*found && strcmp(*status, "completed") == 0)
	{
		/* without a key there are no links */
		key = rde_link_key(home);
		if (key != NULL)
			url = MemoryContextStrdup(context, rde_link_url(key, &linked));
	}
	SPI_finish();
	return url;
}

static void
refuse_link(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the link is not valid")));
}

/*
 * Is it ours? The key is looked up by what the link says, and nothing else is
 * before the signature has been found right.
 */
static bool
is_signed(const RdeHome *home, const RdeLink *link, const char *signature,
		  char **number)
{
	Oid			types[] = {TEXTOID};
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
	rde_execute(home,
				"SELECT secret FROM %s.rde_signing_key"
				" WHERE kid = $1 AND revoked_at IS NULL",
				1, types, values, NULL, true, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return false;
	key = bytea_column(1);
	rde_sign(link, (uint8 *) VARDATA(key), VARSIZE(key) - VARHDRSZ, expected);

	/* the text is compared: two spellings of one signature are two links */
	text = signature_text(expected);
	return strlen(signature) == strlen(text) &&
		rde_sign_equal((const uint8 *) signature, (const uint8 *) text,
					   strlen(text));
}

PG_FUNCTION_INFO_V1(rde_download_url);
PG_FUNCTION_INFO_V1(rde_report_link);
PG_FUNCTION_INFO_V1(rde_redeem);

/*
 * rde_download_url(report uuid) → text.  Raises 42704 for a report that is not
 * there for the caller, 55000 for one that is not completed.
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
		PG_RETURN_NULL();
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

/*
 * rde_redeem(report uuid, file_name text, sv, st, se, sp, sr, kid, sig text,
 * begun timestamptz) → report, account, name, file_name, media_type, file_bytes,
 * sha256, row_count, created_at; and that report's file may be read for the
 * rest of the transaction.  begun is when a download began that goes on; it may
 * be an hour ago.  Raises 42501, always the same, for whatever is wrong.
 */
Datum
rde_redeem(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz moment = now;
	Oid			types[] = {UUIDOID, TEXTOID, TEXTOID};
	Datum		values[3];
	RdeLink		link;
	TimestampTz begin;
	TimestampTz end;
	char	   *number;
	TupleDesc	desc;
	HeapTuple	row;
	Datum		result[9];
	bool		nulls[9];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int i = 0; i < 9; i++)
	{
		if (PG_ARGISNULL(i))
			refuse_link();
	}
	if (!PG_ARGISNULL(9))
		moment = PG_GETARG_TIMESTAMPTZ(9);
	link.report = rde_uuid_text(PG_GETARG_UUID_P(0));
	link.file_name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	link.sv = text_to_cstring(PG_GETARG_TEXT_PP(2));
	link.st = text_to_cstring(PG_GETARG_TEXT_PP(3));
	link.se = text_to_cstring(PG_GETARG_TEXT_PP(4));
	link.sp = text_to_cstring(PG_GETARG_TEXT_PP(5));
	link.sr = text_to_cstring(PG_GETARG_TEXT_PP(6));
	link.kid = text_to_cstring(PG_GETARG_TEXT_PP(7));

	rde_connect();
	if (!is_signed(home, &link, text_to_cstring(PG_GETARG_TEXT_PP(8)),
				   &number) ||
		strcmp(link.sv, LINK_VERSION) != 0 || strcmp(link.sp, "r") != 0 ||
		strcmp(link.sr, "b") != 0 ||
		!parse_instant(link.st, &begin) || !parse_instant(link.se, &end) ||
		moment > now || moment < now - LINK_GRACE ||
		moment < begin || moment >= end)
		refuse_link();

	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = CStringGetTextDatum(number);
	rde_execute(home,
				"SELECT id, reseller, name, file_name, media_type, file_bytes,"
				" encode(sha256, 'hex'), row_count, created_at"
				" FROM %s.rde_report WHERE id = $1 AND file_name = $2"
				" AND link_number::text = $3 AND status = 'completed'",
				3, types, values, NULL, true, SPI_OK_SELECT);
	if (SPI_processed == 0)
		refuse_link();
	rde_access_redeem(PG_GETARG_UUID_P(0));
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, result,
					  nulls);
	MemoryContextSwitchTo(context);
	row = heap_form_tuple(BlessTupleDesc(desc), result, nulls);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(row));
}
