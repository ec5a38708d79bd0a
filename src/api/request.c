/*
 * request.c
 *	  What is asked for by SQL: reports of days or instants, now or later.
 */
#include "api/submit.h"
#include "build/build.h"
#include "build/cancel.h"
#include "core/calendar.h"
#include "core/row.h"
#include "core/statement.h"
#include "report/missing.h"
#include "who/sight.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* What is built while a client waits: a moment's work. */
#define SMALL_ROWS	10000

PG_FUNCTION_INFO_V1(rde_export);
PG_FUNCTION_INFO_V1(rde_submit);
PG_FUNCTION_INFO_V1(rde_build);
PG_FUNCTION_INFO_V1(rde_rebuild);
PG_FUNCTION_INFO_V1(rde_submit_period);
PG_FUNCTION_INFO_V1(rde_build_small);
PG_FUNCTION_INFO_V1(rde_revise);

static const char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Arguments of rde_export() and rde_submit() → a submitted row. */
static pg_uuid_t
submit(FunctionCallInfo fcinfo, const RdeHome *home)
{
	RdeRequest	request = {0};
	pg_uuid_t	id;

	rde_check_days(fcinfo, 1);
	request.dataset = text_argument(fcinfo, 0);
	request.from = PG_GETARG_DATEADT(1);
	request.to = PG_GETARG_DATEADT(2);
	request.format = text_argument(fcinfo, 3);
	request.view = text_argument(fcinfo, 4);
	request.has_reseller = !PG_ARGISNULL(5);
	request.reseller = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.name = text_argument(fcinfo, 6);
	request.time_zone = text_argument(fcinfo, 7);
	request.options = PG_ARGISNULL(8) ? NULL : PG_GETARG_JSONB_P(8);
	request.type = "onetime";
	rde_own_reseller(home, &request.has_reseller, &request.reseller);

	rde_connect();
	id = rde_report_submit(home, &request);
	SPI_finish();
	return id;
}

static Datum
uuid_datum(const pg_uuid_t *id)
{
	pg_uuid_t  *copy = palloc(sizeof(pg_uuid_t));

	*copy = *id;
	return UUIDPGetDatum(copy);
}

static pg_uuid_t
report_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("report must not be null")));
	return *PG_GETARG_UUID_P(0);
}

/*
 * rde_export(dataset, first_day, last_day, format, view, reseller, name,
 * time_zone, options) → uuid.  Submits and builds in the caller's transaction;
 * raises what rde_report_submit() and rde_build_reports() raise.
 */
Datum
rde_export(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t	id = submit(fcinfo, home);

	rde_build_now(home, &id, -1);
	return uuid_datum(&id);
}

/* rde_submit(the same) → uuid of a report that rde_build() will make */
Datum
rde_submit(PG_FUNCTION_ARGS)
{
	pg_uuid_t	id = submit(fcinfo, rde_home(fcinfo));

	return uuid_datum(&id);
}

/* May this report be built at all?  Raises what rde_report_lock() raises. */
static void
check_submitted(const RdeHome *home, const pg_uuid_t *id)
{
	rde_report_require_primary();
	rde_connect();
	rde_report_check_visible(home, id);
	rde_report_lock(home, id);
	SPI_finish();
}

/* A report to build at once, in a subtransaction. */
typedef struct Attempt
{
	const RdeHome *home;
	pg_uuid_t	id;
	int64		max_rows;
} Attempt;

static bool
build_now(void *argument)
{
	Attempt    *it = argument;

	rde_build_now(it->home, &it->id, it->max_rows);
	return true;
}

/*
 * rde_build(report) → text, what it is now: completed, or error.  A failure is
 * recorded on the row, outside the subtransaction it undid, and raised as a warning
 * only: rethrown, it would undo the record as well.
 */
Datum
rde_build(PG_FUNCTION_ARGS)
{
	Attempt		it = {rde_home(fcinfo), report_argument(fcinfo), -1};
	RdeFailure *failure;

	check_submitted(it.home, &it.id);
	failure = rde_attempt(build_now, &it, CurrentMemoryContext);
	if (failure && failure->interrupt)
	{
		rde_connect();
		(void) rde_cancelled(it.home, &it.id, failure);
		SPI_finish();
	}
	if (failure && failure->transient)
		rde_failure_raise(failure);
	if (failure)
		rde_build_failed(it.home, &it.id, failure, "final");
	PG_RETURN_TEXT_P(cstring_to_text(failure ? "error" : "completed"));
}

/* The next revision of a report, submitted */
static pg_uuid_t
revise(const RdeHome *home, const pg_uuid_t *id)
{
	pg_uuid_t	next;

	rde_report_require_primary();
	rde_connect();
	rde_report_check_visible(home, id);
	next = rde_report_submit_revision(home, id);
	SPI_finish();
	return next;
}

/* rde_rebuild(report) → uuid of the next revision, built here and now */
Datum
rde_rebuild(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t	id = report_argument(fcinfo);
	pg_uuid_t	next = revise(home, &id);

	rde_build_now(home, &next, -1);
	return uuid_datum(&next);
}

/* _rde_revise(report) → uuid of the next revision, submitted */
Datum
rde_revise(PG_FUNCTION_ARGS)
{
	pg_uuid_t	next = revise(rde_home(fcinfo), PG_GETARG_UUID_P(0));

	return uuid_datum(&next);
}

/*
 * _rde_submit_period(dataset text, period_from timestamptz, period_to
 * timestamptz, format text, view text, reseller bigint, name text, time_zone
 * text, options jsonb) → uuid.  Raises what rde_report_submit() raises.
 */
Datum
rde_submit_period(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	RdeRequest	request = {0};

	request.dataset = text_argument(fcinfo, 0);
	request.by_instant = true;
	request.period_from = PG_GETARG_TIMESTAMPTZ(1);
	request.period_to = PG_GETARG_TIMESTAMPTZ(2);
	request.format = text_argument(fcinfo, 3);
	request.view = text_argument(fcinfo, 4);
	request.has_reseller = !PG_ARGISNULL(5);
	request.reseller = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.name = text_argument(fcinfo, 6);
	request.time_zone = text_argument(fcinfo, 7);
	request.options = PG_ARGISNULL(8) ? NULL : PG_GETARG_JSONB_P(8);
	request.type = "onetime";
	rde_own_reseller(home, &request.has_reseller, &request.reseller);
	rde_connect();
	*id = rde_report_submit(home, &request);
	SPI_finish();
	PG_RETURN_UUID_P(id);
}

/*
 * _rde_build_small(report uuid) → boolean: has it been built?  If it is too
 * large, or fails, it is left as it was: a worker builds it, or records why not.
 */
Datum
rde_build_small(PG_FUNCTION_ARGS)
{
	Attempt		it = {rde_home(fcinfo), *PG_GETARG_UUID_P(0), SMALL_ROWS};
	RdeFailure *failure = rde_attempt(build_now, &it, CurrentMemoryContext);

	if (failure && failure->interrupt)
		rde_failure_raise(failure);
	PG_RETURN_BOOL(failure == NULL);
}
