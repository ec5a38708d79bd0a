/*
 * cancel.c
 *	  Was it rde_cancel_report() that cancelled a build?
 *
 * It holds an advisory lock of the report while it cancels the session that builds
 * it, which that session sees before anything is committed.
 *
 * Invariant: a session that is cancelled by anybody else ends what it does.
 */
#include "build/cancel.h"

#include "catalog/pg_type.h"
#include "core/row.h"
#include "core/statement.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"

/* Whose advisory locks these are, see rde_cancel_report(). */
#define CANCEL_CLASS	1919182080

static const RdeStatement find_cancels = {
	.sql = "SELECT objid FROM pg_catalog.pg_locks"
	" WHERE locktype = 'advisory' AND database = $1 AND classid = $2"
	" AND objsubid = 2 AND granted",
	.types = {OIDOID, OIDOID},
	.expected = SPI_OK_SELECT
};

RdeCancelled
rde_cancelled(const RdeHome *home, const pg_uuid_t *id, RdeFailure *failure)
{
	Datum		values[] = {
		ObjectIdGetDatum(MyDatabaseId), ObjectIdGetDatum(CANCEL_CLASS)
	};
	uint32		key;

	if (failure->error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		return RDE_NOT_CANCELLED;
	memcpy(&key, id->data, sizeof(key));
	key = pg_ntoh32(key);
	rde_execute(home, &find_cancels, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		if (rde_row_oid(rde_row(i), 1) != key)
			continue;
		failure->error->message = "report was cancelled";
		failure->error->detail = failure->error->hint = NULL;
		failure->error->context = NULL;
		failure->kind = "final";
		failure->foreign = failure->interrupt = failure->transient = false;
		return RDE_CANCELLED;
	}
	return SPI_processed > 0 ? RDE_CANCELLED_OTHER : RDE_NOT_CANCELLED;
}
