/*
 * cursor.c
 *	  What a reader has seen: the snapshot of a cursor, on a primary and on a
 *	  standby.
 *
 * Invariant: a transaction the snapshot calls visible has committed, and its
 * reports are visible to the statement that took it.
 */
#include "core/compat.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

/* An xid a snapshot names, with its epoch: none is in the future. */
static uint64
widen(TransactionId xid, FullTransactionId next)
{
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch,
																	 xid));
}

static int
compare(const void *a, const void *b)
{
	uint64		left = *(const uint64 *) a;
	uint64		right = *(const uint64 *) b;

	return left < right ? -1 : left > right;
}

PG_FUNCTION_INFO_V1(rde_current_snapshot);

/*
 * _rde_current_snapshot() → pg_snapshot.  pg_current_snapshot() leaves out what
 * is running on the primary while this is a standby: there a snapshot keeps it
 * with the subtransactions, all of its transactions among them.
 */
Datum
rde_current_snapshot(PG_FUNCTION_ARGS)
{
	Snapshot	snapshot = GetActiveSnapshot();
	FullTransactionId next = ReadNextFullTransactionId();
	StringInfoData text;
	uint64		xmax;
	uint64	   *running;
	int			count = 0;

	if (!snapshot->takenDuringRecovery)
		return pg_current_snapshot(fcinfo);
	xmax = widen(snapshot->xmax, next);
	running = palloc(sizeof(uint64) * Max(snapshot->subxcnt, 1));
	for (int i = 0; i < snapshot->subxcnt; i++)
	{
		uint64		xid = widen(snapshot->subxip[i], next);

		if (xid < xmax)
			running[count++] = xid;
	}
	qsort(running, count, sizeof(uint64), compare);

	initStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT ":" UINT64_FORMAT ":",
					 widen(snapshot->xmin, next), xmax);
	for (int i = 0; i < count; i++)
		appendStringInfo(&text, "%s" UINT64_FORMAT, i > 0 ? "," : "",
						 running[i]);
	return DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(text.data));
}
