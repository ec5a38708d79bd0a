/*
 * request.c
 *	  Requests that come with instants, as programs write them, and are answered
 *	  at once if that is quickly done.
 */
#include "access.h"

#include "access/xact.h"
#include "export.h"
#include "report.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/resowner.h"

/* What is built while a client waits: a moment's work. */
#define SMALL_ROWS	10000

PG_FUNCTION_INFO_V1(rde_submit_period);
PG_FUNCTION_INFO_V1(rde_build_small);

static const char *
text_or_null(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * _rde_submit_period(dataset text, "from" timestamptz, "to" timestamptz, format
 * text, view text, reseller bigint, name text) → uuid.  Raises what
 * rde_report_submit() raises.
 */
Datum
rde_submit_period(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	RdeRequest	request = {0};

	request.dataset = text_or_null(fcinfo, 0);
	request.by_instant = true;
	request.period_from = PG_GETARG_TIMESTAMPTZ(1);
	request.period_to = PG_GETARG_TIMESTAMPTZ(2);
	request.format = text_or_null(fcinfo, 3);
	request.view = text_or_null(fcinfo, 4);
	request.has_reseller = !PG_ARGISNULL(5);
	request.reseller = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.name = text_or_null(fcinfo, 6);
	request.options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
														 CStringGetDatum("{}")));
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
	const RdeHome *home = rde_home(fcinfo);
	pg_uuid_t	id = *PG_GETARG_UUID_P(0);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool built = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		rde_export_now(home, &id, SMALL_ROWS);
		ReleaseCurrentSubTransaction();
		built = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) ==
			ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	PG_RETURN_BOOL(built);
}
