/*
 * settings.c
 *	  The settings: what an administrator chooses for all reports.
 *
 * Invariant: settings are superuser-set and checked when set, so that whoever
 * reads one may rely on it.
 */
#include "postgres.h"

#include "core/settings.h"

#include "core/calendar.h"

#include "fmgr.h"
#include "pgtime.h"
#include "postmaster/bgworker_internals.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

char	   *rde_setting_retention;
char	   *rde_setting_settle_limit;
char	   *rde_setting_time_zone;
char	   *rde_setting_base_url;
char	   *rde_setting_link_lifetime;
char	   *rde_setting_max_span;
bool		rde_setting_notify;
int			rde_setting_helpers;

/* A positive interval, as text; errors are soft, as a check hook's must be. */
static bool
check_interval(char **newval, void **extra, GucSource source)
{
	char	   *text[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char		work[MAXDATELEN + MAXDATEFIELDS];
	int			nfields;
	int			dtype;
	struct pg_itm_in itm;
	int			error;

	error = ParseDateTime(*newval, work, sizeof(work), text, ftype,
						  MAXDATEFIELDS, &nfields);
	if (error == 0)
		error = DecodeInterval(text, ftype, nfields, INTERVAL_FULL_RANGE,
							   &dtype, &itm);
	if (error != 0 || dtype != DTK_DELTA)
	{
		GUC_check_errdetail("It must be an interval such as \"90 days\".");
		return false;
	}
	if (itm.tm_year < 0 || itm.tm_mon < 0 || itm.tm_mday < 0 ||
		itm.tm_usec < 0 ||
		(itm.tm_year == 0 && itm.tm_mon == 0 && itm.tm_mday == 0 &&
		 itm.tm_usec == 0))
	{
		GUC_check_errdetail("It must be longer than nothing.");
		return false;
	}
	return true;
}

static bool
check_time_zone(char **newval, void **extra, GucSource source)
{
	if (rde_zone_find(*newval) == NULL)
	{
		GUC_check_errdetail("Time zone \"%s\" is not known.", *newval);
		GUC_check_errhint("The view pg_timezone_names lists them.");
		return false;
	}
	return true;
}

static bool
check_base_url(char **newval, void **extra, GucSource source)
{
	for (const char *c = *newval; *c; c++)
	{
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7f ||
			*c == '"' || *c == '<' || *c == '>')
		{
			GUC_check_errdetail("A URL holds printable ASCII characters only.");
			return false;
		}
	}
	return true;
}

void
rde_settings_define(void)
{
	DefineCustomStringVariable("rde.retention",
							   "How long a report is stored after it was made.",
							   NULL,
							   &rde_setting_retention,
							   "90 days", PGC_SUSET, 0,
							   check_interval, NULL, NULL);
	DefineCustomStringVariable("rde.settle_limit",
							   "How long a period's report waits for transactions that began before its end.",
							   "Then it is built as it is, marked provisional, and revised later.",
							   &rde_setting_settle_limit,
							   "1 hour", PGC_SUSET, 0,
							   check_interval, NULL, NULL);
	DefineCustomStringVariable("rde.time_zone",
							   "Time zone in which a report's days begin, unless it names another.",
							   NULL,
							   &rde_setting_time_zone,
							   "UTC", PGC_SUSET, 0,
							   check_time_zone, NULL, NULL);
	DefineCustomStringVariable("rde.base_url",
							   "What download links begin with, such as https://reports.example.com.",
							   "Empty makes links relative.",
							   &rde_setting_base_url,
							   "", PGC_SUSET, 0,
							   check_base_url, NULL, NULL);
	DefineCustomStringVariable("rde.link_lifetime",
							   "How long a download link holds, if less than the report is stored.",
							   NULL,
							   &rde_setting_link_lifetime,
							   "90 days", PGC_SUSET, 0,
							   check_interval, NULL, NULL);
	DefineCustomStringVariable("rde.max_span",
							   "The longest period a reseller may ask a report of.",
							   "Operators may ask for any.",
							   &rde_setting_max_span,
							   "1 year", PGC_SUSET, 0,
							   check_interval, NULL, NULL);
	DefineCustomBoolVariable("rde.notify",
							 "Sends NOTIFY rde_report when reports are published.",
							 "Whoever may connect to the database can LISTEN: ids and resellers are all it says.",
							 &rde_setting_notify,
							 false, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("rde.max_parallel_workers_per_report",
							"How many processes of the server may help to build a large report.",
							"0 builds every report in one process.",
							&rde_setting_helpers,
							2, 0, MAX_PARALLEL_WORKER_LIMIT, PGC_SUSET, 0,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("rde");
}

PG_FUNCTION_INFO_V1(rde_retention_sql);
PG_FUNCTION_INFO_V1(rde_settle_limit_sql);
PG_FUNCTION_INFO_V1(rde_link_lifetime_sql);
PG_FUNCTION_INFO_V1(rde_max_span_sql);

static Datum
interval_datum(const char *text)
{
	return DirectFunctionCall3(interval_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/* _rde_retention() → interval */
Datum
rde_retention_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(interval_datum(rde_setting_retention));
}

/* _rde_settle_limit() → interval */
Datum
rde_settle_limit_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(interval_datum(rde_setting_settle_limit));
}

/* _rde_link_lifetime() → interval */
Datum
rde_link_lifetime_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(interval_datum(rde_setting_link_lifetime));
}

/* _rde_max_span() → interval */
Datum
rde_max_span_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(interval_datum(rde_setting_max_span));
}

PG_FUNCTION_INFO_V1(rde_zone_sql);

/* _rde_zone(name text) → text: as the tz database spells it */
Datum
rde_zone_sql(PG_FUNCTION_ARGS)
{
	pg_tz	   *zone = rde_zone(PG_ARGISNULL(0) ? rde_setting_time_zone :
								text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(pg_get_timezone_name(zone)));
}
