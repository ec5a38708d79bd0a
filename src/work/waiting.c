/*
 * waiting.c
 *	  What waits to be built, in the order of its turns: every reseller's first pass,
 *	  then every reseller's second ...
 *
 * Looking for it costs what waits, building costs what is built.  So it is looked for
 * now and then only, and not again for each claim.
 *
 * Invariant: the order is that of the turns when they were looked for, and whatever
 * came since has its turn when they are looked for again: soon.
 */
#include "work/waiting.h"

#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* So many passes are remembered: more than are built before it is old. */
#define MAX_PASSES		8192

/*
 * It is old after a moment; or, where so much waits that finding it takes longer, when
 * building has had four times as long.
 */
#define FRESH_MS		500
#define TIMES_LOOKING	4

/* Of what waits a worker takes this part at most, so that others have theirs. */
#define SHARE			4

/* And so much if little waits. */
#define LITTLE			32

static const RdeStatement find_turns = {
	.sql = "WITH building AS MATERIALIZED ("
	"SELECT coalesce(max(r.lost_claims), 0) AS lost"
	" FROM %s._rde_report r"
	" WHERE r.status = 'submitted' AND r.lost_claims > 0"
	" AND" RDE_IS_OTHERS " AND NOT" RDE_IS_GONE "),"
	" ready AS ("
	/* what has failed lines up anew */
	"SELECT r.pass, r.reseller,"
	" min(coalesce(r.failed_at, r.due_at)) AS due_at,"
	" max(r.lost_claims +" RDE_IS_LOST "::integer) AS lost,"
	" pg_catalog.array_agg(r.id) AS ids"
	" FROM %s._rde_report r WHERE" RDE_IS_PENDING " AND" RDE_IS_READY
	" AND r.pass <> ALL ($7)"
	" GROUP BY r.pass, r.reseller),"
	" turns AS ("
	"SELECT pass, ids, ready.lost > 0 AS lost, due_at, row_number() OVER"
	" (PARTITION BY reseller ORDER BY due_at, pass) AS turn"
	" FROM ready, building WHERE least(ready.lost, building.lost) = 0"
	" OR greatest(ready.lost, building.lost) < " RDE_MAX_LOST_CLAIMS " - 1),"
	" first AS ("
	"SELECT pass, ids, lost, row_number() OVER"
	" (ORDER BY turn, due_at, pass) AS place"
	" FROM turns ORDER BY turn, due_at, pass LIMIT $6)"
	" SELECT i.id, f.pass, f.place, f.lost, (SELECT count(*) FROM turns)"
	" FROM first f, unnest(f.ids) AS i(id)"
	" WHERE f.place = 1 OR NOT (f.lost OR"
	" (SELECT o.lost FROM first o WHERE o.place = 1))"
	" ORDER BY f.place, i.id",
	.types = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
	INT4OID, UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

enum
{
	TURN_ID = 1, TURN_PASS, TURN_PLACE, TURN_LOST, TURN_PASSES
};

RdeWaiting *
rde_waiting_create(void)
{
	RdeWaiting *waiting = palloc0(sizeof(RdeWaiting));

	waiting->context = AllocSetContextCreate(CurrentMemoryContext,
											 "rde waiting",
											 ALLOCSET_DEFAULT_SIZES);
	return waiting;
}

bool
rde_waiting_is_over(const RdeWaiting *waiting, TimestampTz now)
{
	return waiting->taken >= waiting->count || now >= waiting->until;
}

void
rde_waiting_forget(RdeWaiting *waiting)
{
	MemoryContextReset(waiting->context);
	waiting->turns = NULL;
	waiting->count = waiting->taken = 0;
}

/* The rows of find_turns. */
static void
remember(RdeWaiting *waiting)
{
	waiting->turns = MemoryContextAlloc(waiting->context,
										SPI_processed * sizeof(RdeTurn));
	for (int i = 0; i < SPI_processed; i++)
	{
		RdeRow		row = rde_row(i);
		RdeTurn    *turn = &waiting->turns[i];

		turn->id = rde_row_uuid(row, TURN_ID);
		turn->pass = rde_row_uuid(row, TURN_PASS);
		turn->place = rde_row_int64(row, TURN_PLACE);
	}
	waiting->count = SPI_processed;
	waiting->lost = rde_row_bool(rde_row(0), TURN_LOST);
	waiting->passes = rde_row_int64(rde_row(0), TURN_PASSES);
}

bool
rde_waiting_look(const RdeHome *home, RdeWaiting *waiting,
				 const RdeReady *ready)
{
	Datum		values[] = {
		TimestampTzGetDatum(ready->now), Int32GetDatum(MyProcPid),
		TimestampTzGetDatum(MyStartTimestamp),
		TimestampTzGetDatum(ready->horizon),
		CStringGetTextDatum(ready->settle_limit), Int32GetDatum(MAX_PASSES),
		ready->skipped
	};
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz found;

	rde_waiting_forget(waiting);
	rde_execute(home, &find_turns, values, NULL);
	if (SPI_processed > 0)
		remember(waiting);
	SPI_freetuptable(SPI_tuptable);
	found = GetCurrentTimestamp();
	waiting->until = found + Max(FRESH_MS * INT64CONST(1000),
								 TIMES_LOOKING * (found - began));
	return waiting->count > 0;
}

int
rde_waiting_take(RdeWaiting *waiting, int max_passes)
{
	int			begin = waiting->taken;
	int64		share = Max(waiting->passes / SHARE, LITTLE);
	int64		most = Min(max_passes, share);
	int64		beyond;

	if (begin >= waiting->count)
		return 0;
	beyond = waiting->turns[begin].place + most;
	while (waiting->taken < waiting->count &&
		   waiting->turns[waiting->taken].place < beyond)
		waiting->taken++;
	waiting->passes -= most;
	return waiting->taken - begin;
}
