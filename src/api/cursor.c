/*
 * cursor.c
 *	  What a reader has seen: the snapshot of a cursor, on a primary and on a
 *	  standby, and the place in the WAL it was taken at.
 *
 * Invariant: a transaction the snapshot calls visible has committed, and its
 * reports are visible to the statement that took it.  A cursor is read only where
 * all that it has seen has happened: a server that was restored to an earlier
 * point gives the same transaction ids to others.
 */
#include "core/compat.h"

#include "access/timeline.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
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

/* Where the WAL that this server has seen ends now, and of which timeline that is. */
static XLogRecPtr
wal_end(TimeLineID *timeline)
{
	if (RecoveryInProgress())
		return GetXLogReplayRecPtr(timeline);
	*timeline = GetWALInsertionTimeLine();
	return GetXLogInsertRecPtr();
}

PG_FUNCTION_INFO_V1(rde_wal_position);
PG_FUNCTION_INFO_V1(rde_has_seen);

/*
 * _rde_wal_position() → text: timeline and WAL location; all that a snapshot taken
 * before calls visible lies before it
 */
Datum
rde_wal_position(PG_FUNCTION_ARGS)
{
	TimeLineID	timeline;
	XLogRecPtr	end = wal_end(&timeline);

	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%u/%X/%X", timeline,
											  LSN_FORMAT_ARGS(end))));
}

/*
 * _rde_has_seen(wal_position text) → boolean: is what this server has seen, or will
 * if it is a standby, a continuation of that? Not after a failover that lost its
 * end, or a restore to an earlier point.
 */
Datum
rde_has_seen(PG_FUNCTION_ARGS)
{
	TimeLineID	timeline;
	TimeLineID	given;
	List	   *history;
	XLogRecPtr	end = wal_end(&timeline);
	XLogRecPtr	position;
	uint32		high;
	uint32		low;

	if (sscanf(text_to_cstring(PG_GETARG_TEXT_PP(0)), "%u/%X/%X", &given,
			   &high, &low) != 3)
		PG_RETURN_BOOL(false);
	position = ((uint64) high << 32) | low;
	/* a standby may be behind, and will see it */
	if (position > end)
		PG_RETURN_BOOL(RecoveryInProgress());
	if (position == 0 || given == timeline)
		PG_RETURN_BOOL(position > 0);
	/* its last byte, for a timeline may end right there */
	history = readTimeLineHistory(timeline);
	PG_RETURN_BOOL(tliInHistory(given, history) &&
				   tliOfPointInHistory(position - 1, history) == given);
}
