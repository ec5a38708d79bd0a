/*
 * submit.c
 *	  A request becomes a submitted report.
 *
 * Invariant: every report on request, whoever asks, is a row inserted here with
 * its request checked and made absolute: instants, canonical zone, view name.
 */
#include "api/submit.h"
#include "build/query.h"
#include "core/calendar.h"
#include "core/row.h"
#include "core/settings.h"
#include "core/statement.h"
#include "format/options.h"
#include "report/missing.h"
#include "who/who.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

static void
require(const void *argument, const char *name)
{
	if (argument == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name),
				 err_generic_string(PG_DIAG_COLUMN_NAME, name)));
}

static const RdeStatement find_dataset = {
	.sql = "SELECT (%s._rde_find_dataset($1)).name IS NOT NULL",
	.types = {TEXTOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

static const RdeStatement find_source = {
	.sql = "SELECT FROM %s._rde_source WHERE dataset = $1",
	.types = {TEXTOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* The data set exists and has a source. */
static void
check_dataset(const RdeHome *home, const char *dataset)
{
	Datum		values[] = {CStringGetTextDatum(dataset)};

	rde_execute(home, &find_dataset, values, NULL);
	rde_execute(home, &find_source, values, NULL);
	if (SPI_processed == 0)
		rde_dataset_not_attached(dataset);
}

static const RdeStatement choose = {
	.sql = "SELECT %s._rde_choose_view($1, $2, $3)",
	.types = {TEXTOID, TEXTOID, INT8OID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* The view a report will use: the one named, else cmp, else full. */
static const char *
choose_view(const RdeHome *home, const RdeRequest *request)
{
	char		nulls[] = {' ', request->view ? ' ' : 'n',
	request->has_reseller ? ' ' : 'n', '\0'};
	Datum		values[] = {
		CStringGetTextDatum(request->dataset),
		request->view ? CStringGetTextDatum(request->view) : (Datum) 0,
		Int64GetDatum(request->reseller)
	};

	rde_execute(home, &choose, values, nulls);
	return rde_row_text(rde_row(0), 1);
}

static const RdeStatement read_zone = {
	.sql = "SELECT time_zone FROM %s._rde_account WHERE id = $1",
	.types = {INT8OID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* The time zone of the reseller's account, else the setting. */
static const char *
default_zone(const RdeHome *home, const RdeRequest *request)
{
	Datum		values[] = {Int64GetDatum(request->reseller)};
	char	   *zone = NULL;

	if (request->has_reseller)
	{
		rde_execute(home, &read_zone, values, NULL);
		if (SPI_processed > 0)
			zone = rde_row_text_or_null(rde_row(0), 1);
	}
	return zone ? zone : rde_setting_time_zone;
}

/* As the column's own check has it, which knows no words for what is wrong. */
static void
check_name(const char *name)
{
	int			length = strlen(name);
	pg_wchar   *wide = palloc((length + 1) * sizeof(pg_wchar));
	int			count = pg_mb2wchar_with_len(name, wide, length);
	bool		good = count >= 1 && count <= 128;

	for (int i = 0; i < count; i++)
		good &= wide[i] >= 0x20 && !(wide[i] >= 0x7f && wide[i] <= 0x9f);
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("a report's name must be 1 to 128 characters without control characters"),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "name")));
}
static const RdeStatement ask_quota = {
	.sql = "SELECT %s._rde_check_quota($1, $2, $3, $4)",
	.types = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID},
	.expected = SPI_OK_SELECT
};

/* What a reseller may ask for; raises 53400. */
static void
check_quota(const RdeHome *home, const RdeRequest *request, TimestampTz from,
			TimestampTz to)
{
	Datum		values[] = {
		Int64GetDatum(request->reseller), TimestampTzGetDatum(from),
		TimestampTzGetDatum(to), Int32GetDatum(1)
	};

	if (rde_who(home).rank == RDE_TENANT)
		rde_execute(home, &ask_quota, values, NULL);
}

static const RdeStatement submit_report = {
	.sql = "SELECT %s._rde_submit(ARRAY[ROW($1, $2, $3, $4, $5, $6, NULL,"
	" NULL, NULL, $7, $8, false, $9, $10, $11::interval, 1, NULL, false,"
	" NULL, NULL)::%s._rde_submission])",
	.types = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TEXTOID},
	.expected = SPI_OK_SELECT
};

pg_uuid_t
rde_report_submit(const RdeHome *home, const RdeRequest *request)
{
	char		nulls[] = "           ";
	Datum		values[11];
	const RdeFormat *format;
	RdeOptions	options;
	const char *name = request->name ? request->name : request->dataset;
	const char *view;
	pg_tz	   *zone;

	rde_report_require_primary();
	require(request->dataset, "data set");
	require(request->format, "format");
	require(request->options, "options");
	if (request->by_instant &&
		(TIMESTAMP_NOT_FINITE(request->period_from) ||
		 TIMESTAMP_NOT_FINITE(request->period_to) ||
		 request->period_from >= request->period_to))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the end of a period must be after its start"),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "end_date")));
	check_name(name);
	format = rde_format_find(request->format);
	rde_options_parse(request->options, &options);
	zone = rde_zone(request->time_zone ? request->time_zone :
					default_zone(home, request));
	check_dataset(home, request->dataset);
	view = choose_view(home, request);

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(request->dataset);
	values[2] = CStringGetTextDatum(view);
	values[3] = CStringGetTextDatum(format->name);
	values[4] = CStringGetTextDatum(request->type);
	values[5] = Int64GetDatum(request->reseller);
	if (!request->has_reseller)
		nulls[5] = 'n';
	values[6] = TimestampTzGetDatum(request->by_instant ? request->period_from :
									rde_day_start(request->from, zone));
	values[7] = TimestampTzGetDatum(request->by_instant ? request->period_to :
									rde_day_start(request->to + 1, zone));
	rde_dataset_check_view(home, request->dataset, view,
						   request->has_reseller, request->reseller);
	check_quota(home, request, DatumGetTimestampTz(values[6]),
				DatumGetTimestampTz(values[7]));
	values[8] = CStringGetTextDatum(pg_get_timezone_name(zone));
	values[9] = JsonbPGetDatum(request->options);
	values[10] = CStringGetTextDatum(rde_setting_retention);
	rde_execute(home, &submit_report, values, nulls);
	return rde_row_uuid(rde_row(0), 1);
}
