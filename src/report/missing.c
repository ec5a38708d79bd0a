/*
 * missing.c
 *	  Why a report cannot be had: it is not there, not the caller's, not completed;
 *	  or this is a standby.
 *
 * Invariant: a report that is not the caller's is told from one that does not exist
 * by nothing.
 */
#include "report/missing.h"

#include "core/row.h"
#include "core/statement.h"
#include "who/sight.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

void
rde_report_require_primary(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("reports cannot be made on a standby"),
				 errdetail("A standby lists reports and hands out their files."),
				 errhint("Connect to the primary.")));
}

void
rde_report_missing(const pg_uuid_t *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("report %s does not exist", rde_uuid_text(id)),
			 errhint("The view rde_reports lists the reports there are.")));
}

static const RdeStatement read_reseller = {
	.sql = "SELECT reseller FROM %s._rde_report WHERE id = $1",
	.types = {UUIDOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

void
rde_report_check_visible(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};
	RdeRow		row;
	bool		has_reseller;

	rde_execute(home, &read_reseller, values, NULL);
	if (SPI_processed == 0)
		rde_report_missing(id);
	row = rde_row(0);
	has_reseller = !rde_row_is_null(row, 1);
	if (!rde_may_act(home, has_reseller,
					 has_reseller ? rde_row_int64(row, 1) : 0))
		rde_report_missing(id);
}

void
rde_report_not_completed(const pg_uuid_t *id, const char *status)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("report %s is not completed but \"%s\"",
					rde_uuid_text(id), status),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "status"),
			 errhint("Build it with rde_build(), after rde_retry_report() if it is in error.")));
}

PG_FUNCTION_INFO_V1(rde_require_primary_sql);
PG_FUNCTION_INFO_V1(rde_reference_sql);

/* _rde_require_primary(): raises 25006 */
Datum
rde_require_primary_sql(PG_FUNCTION_ARGS)
{
	rde_report_require_primary();
	PG_RETURN_VOID();
}

/* _rde_reference() → text, for format() with the report's id */
Datum
rde_reference_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(RDE_REPORT_REFERENCE));
}
