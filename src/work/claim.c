/*
 * claim.c
 *	  Which worker builds which report.
 *
 * Invariant: a report is built by the session that claimed it in an earlier,
 * committed transaction, and only while that session holds the lock of its row.
 * So a report that kills its worker leaves a trace, and is not tried for ever;
 * and a claim whose worker is gone is nobody's.
 */
#include "work/claim.h"

#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Claimed by this session; $1 and $2 are its process and start. */
#define IS_MINE \
	" claim_pid = $1 AND claim_start = $2 AND status = 'submitted'"

static Datum
my_start(void)
{
	return TimestampTzGetDatum(MyStartTimestamp);
}

static const RdeStatement give_up = {
	.sql = "UPDATE %s._rde_report SET status = 'error', sqlstate = '57P02',"
	" error = 'the server process that built it was gone before it ended, "
	RDE_MAX_LOST_CLAIMS " times',"
	" failed_at = clock_timestamp(), retry_at = NULL,"
	" lost_claims = " RDE_MAX_LOST_CLAIMS ","
	" claim_pid = NULL, claim_start = NULL, claimed_at = NULL"
	" WHERE id IN (SELECT r.id FROM %s._rde_report r"
	" WHERE r.lost_claims +" RDE_IS_LOST "::integer >= " RDE_MAX_LOST_CLAIMS
	" AND" RDE_IS_PENDING " FOR UPDATE SKIP LOCKED)",
	.types = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID},
	.expected = SPI_OK_UPDATE
};

/*
 * Reports whose worker was gone for the last time they may be.  Whoever comes
 * next finds out, for the one it happened to cannot.
 */
static void
give_up_lost(const RdeHome *home, TimestampTz now)
{
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(MyProcPid), my_start()
	};

	rde_execute(home, &give_up, values, NULL);
}

/*
 * What is equal in a kind is built by one SELECT: reports of a pass; or of several,
 * with the rows of one reseller each, in a view that all have, and equal options.  Of one reseller there
 * is one pass in a group, the next in the next.  A pass that has failed is alone, and
 * comes last, for it may do so again and hold up those with it.  Else a group comes
 * where the first of its passes was chosen.
 */
static const RdeStatement mark_passes = {
	.sql = "WITH marked AS ("
	"UPDATE %s._rde_report u SET status = 'submitted',"
	" retry_at = NULL, claimed_at = $1,"
	" lost_claims = u.lost_claims + mine.lost::integer,"
	" claim_pid = $2, claim_start = $3"
	" FROM (SELECT r.id," RDE_IS_LOST " AS lost FROM %s._rde_report r"
	" WHERE r.id = ANY ($6) AND" RDE_IS_PENDING " AND" RDE_IS_READY
	" AND ($8 OR r.lost_claims +" RDE_IS_LOST "::integer = 0)"
	/* a revision that failed and has been replaced by another */
	" AND NOT (r.status = 'error' AND EXISTS"
	" (SELECT FROM %s._rde_report o"
	" WHERE o.supersedes = r.supersedes AND o.status <> 'error'))"
	" FOR UPDATE SKIP LOCKED) mine"
	" WHERE u.id = mine.id"
	" RETURNING u.id, u.pass, u.type, u.settles, u.empty_builds, u.dataset,"
	" u.view, u.reseller, u.period_from, u.period_to, u.time_zone, u.options,"
	" u.snapshot_window, u.generator, u.format,"
	" u.failed_at IS NOT NULL AS failed),"
	" passes AS ("
	"SELECT m.*, bool_or(m.failed) OVER (PARTITION BY m.pass) AS any_failed"
	" FROM marked m),"
	" kinds AS ("
	"SELECT m.*, chosen.place,"
	" CASE WHEN m.reseller IS NULL OR m.type = 'on_invoice'"
	" OR m.snapshot_window OR m.any_failed"
	" OR coalesce(m.options ->> 'scope', a.scope, 'reseller') <> 'reseller'"
	" OR EXISTS (SELECT FROM %s._rde_view v WHERE v.dataset = m.dataset"
	" AND v.name = m.view AND v.reseller = m.reseller)"
	" THEN ROW(m.pass, (SELECT s.snapshot"
	" FROM %s._rde_generator_snapshot s WHERE m.snapshot_window"
	" AND s.generator = m.generator AND s.format = m.format))::text"
	" ELSE ROW(m.dataset, m.view, m.period_from, m.period_to, m.time_zone,"
	" m.options, m.settles)::text END AS kind"
	" FROM passes m"
	" JOIN unnest($6, $7) AS chosen(id, place) ON chosen.id = m.id"
	" LEFT JOIN %s._rde_account a ON a.id = m.reseller),"
	" layers AS ("
	"SELECT k.*, dense_rank() OVER"
	" (PARTITION BY k.kind, k.reseller ORDER BY k.pass) AS layer"
	" FROM kinds k),"
	" groups AS ("
	"SELECT l.*, min(l.place) OVER (PARTITION BY l.kind, l.layer) AS turn"
	" FROM layers l)"
	" SELECT dense_rank() OVER"
	" (ORDER BY g.any_failed, g.turn, g.kind, g.layer),"
	" g.id, g.pass, g.type = 'on_invoice', g.settles,"
	" EXISTS (SELECT FROM %s._rde_source_failure f"
	" WHERE f.dataset = g.dataset), g.empty_builds, g.any_failed"
	" FROM groups g ORDER BY 1, g.pass, g.id",
	.types = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
	UUIDARRAYOID, INT8ARRAYOID, BOOLOID},
	.expected = SPI_OK_SELECT
};

enum
{
	MARKED_GROUP = 1, MARKED_ID, MARKED_PASS, MARKED_ON_INVOICE,
	MARKED_SETTLES, MARKED_FAILING, MARKED_EMPTY_BUILDS, MARKED_FAILED
};

/*
 * Mark the next of those whose turn it is; false if there are none.  What was claimed,
 * finished or lost since they were seen, or cannot be built any more, is left out by
 * the conditions being looked at again under the lock: SPI_processed are left.
 */
static bool
mark_next(const RdeHome *home, RdeWaiting *waiting, int max_passes,
		  const RdeReady *ready)
{
	const RdeTurn *turns = waiting->turns + waiting->taken;
	int			count = rde_waiting_take(waiting, max_passes);
	Datum	   *ids = palloc(sizeof(Datum) * count);
	Datum	   *places = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
	{
		ids[i] = UUIDPGetDatum(&turns[i].id);
		places[i] = Int64GetDatum(turns[i].place);
	}
	if (count > 0)
	{
		Datum		values[] = {
			TimestampTzGetDatum(ready->now), Int32GetDatum(MyProcPid),
			my_start(), TimestampTzGetDatum(ready->horizon),
			CStringGetTextDatum(ready->settle_limit),
			rde_array(ids, NULL, count, UUIDOID),
			rde_array(places, NULL, count, INT8OID),
			BoolGetDatum(waiting->lost)
		};

		rde_execute(home, &mark_passes, values, NULL);
	}
	return count > 0;
}

static const RdeStatement join_passes = {
	.sql = "SELECT pg_catalog.array_cat($1, $2)",
	.types = {UUIDARRAYOID, UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

/* Those that were skipped, and all whose turn it was. */
static Datum
with_turns(const RdeHome *home, Datum skipped, const RdeWaiting *waiting)
{
	pg_uuid_t  *passes = palloc(sizeof(pg_uuid_t) * waiting->count);
	Datum		values[] = {skipped, 0};

	for (int i = 0; i < waiting->count; i++)
		passes[i] = waiting->turns[i].pass;
	values[1] = rde_uuid_array(passes, waiting->count);
	rde_execute(home, &join_passes, values, NULL);
	return rde_row_datum(rde_row(0), 1);
}

/* The group that a marked row begins, with room for `count` of them. */
static RdeGroup *
group_of(RdeRow row, int count)
{
	RdeGroup   *group = palloc0(sizeof(RdeGroup));

	group->ids = palloc(sizeof(pg_uuid_t) * count);
	group->passes = palloc(sizeof(pg_uuid_t) * count);
	group->on_invoice = rde_row_bool(row, MARKED_ON_INVOICE);
	group->settles = rde_row_bool(row, MARKED_SETTLES);
	group->failing = rde_row_bool(row, MARKED_FAILING);
	group->empty_builds = rde_row_int32(row, MARKED_EMPTY_BUILDS);
	group->failed = rde_row_bool(row, MARKED_FAILED);
	return group;
}

/* The marked rows, which are in order, as groups. */
static List *
collect(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *groups = NIL;
	RdeGroup   *group = NULL;
	int64		number = 0;

	for (int i = 0; i < SPI_processed; i++)
	{
		RdeRow		row = rde_row(i);

		if (group == NULL || rde_row_int64(row, MARKED_GROUP) != number)
		{
			number = rde_row_int64(row, MARKED_GROUP);
			group = group_of(row, SPI_processed - i);
			groups = lappend(groups, group);
		}
		group->ids[group->count] = rde_row_uuid(row, MARKED_ID);
		group->passes[group->count++] = rde_row_uuid(row, MARKED_PASS);
	}
	MemoryContextSwitchTo(old);
	return groups;
}

/*
 * One claims at a time: two that take the same reports would lock each other's
 * rows, and have a part of a pass each.  No conflict with anything but this and
 * vacuum.
 */
static const RdeStatement wait_for_turn = {
	.sql = "LOCK TABLE %s._rde_worker IN SHARE UPDATE EXCLUSIVE MODE",
	.expected = SPI_OK_UTILITY
};

/* What waits now; false if there is nothing. */
static bool
look(const RdeHome *home, RdeWaiting *waiting, const RdeReady *ready)
{
	/* who has claimed since this transaction's first look at the sessions? */
	pgstat_clear_snapshot();
	give_up_lost(home, ready->now);
	return rde_waiting_look(home, waiting, ready);
}

List *
rde_claim(const RdeHome *home, RdeWaiting *waiting, int max_passes,
		  const RdeReady *asked, MemoryContext context)
{
	RdeReady	ready = *asked;
	bool		looked = rde_waiting_is_over(waiting, ready.now);

	/* others may claim while this looks, unless it finds what is to be alone */
	if (looked && !look(home, waiting, &ready))
		return NIL;
	rde_execute(home, &wait_for_turn, NULL, NULL);
	if (waiting->lost && !look(home, waiting, &ready))
		return NIL;
	pgstat_clear_snapshot();
	for (;;)
	{
		while (mark_next(home, waiting, max_passes, &ready))
			if (SPI_processed > 0)
				return collect(context);
		/* all locked, by who builds or changes them by hand: the next ones */
		if (looked)
			ready.skipped = with_turns(home, ready.skipped, waiting);
		looked = true;
		if (!look(home, waiting, &ready))
			return NIL;
	}
}

static const RdeStatement lock_claimed = {
	.sql = "SELECT id, pass FROM %s._rde_report WHERE id = ANY ($3)"
	" AND" IS_MINE " ORDER BY pass, id"
	" FOR UPDATE SKIP LOCKED",
	.types = {INT4OID, TIMESTAMPTZOID, UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

bool
rde_claim_lock(const RdeHome *home, RdeGroup *group)
{
	Datum		values[] = {
		Int32GetDatum(MyProcPid), my_start(),
		rde_uuid_array(group->ids, group->count)
	};

	rde_execute(home, &lock_claimed, values, NULL);
	group->count = SPI_processed;
	for (int i = 0; i < group->count; i++)
	{
		group->ids[i] = rde_row_uuid(rde_row(i), 1);
		group->passes[i] = rde_row_uuid(rde_row(i), 2);
	}
	return group->count > 0;
}

static const RdeStatement release = {
	.sql = "UPDATE %s._rde_report SET claim_pid = NULL,"
	" claim_start = NULL, claimed_at = NULL"
	" WHERE id IN (SELECT id FROM %s._rde_report WHERE" IS_MINE
	" FOR UPDATE SKIP LOCKED)",
	.types = {INT4OID, TIMESTAMPTZOID},
	.expected = SPI_OK_UPDATE
};

void
rde_claim_release(const RdeHome *home)
{
	Datum		values[] = {Int32GetDatum(MyProcPid), my_start()};

	rde_execute(home, &release, values, NULL);
}

static const RdeStatement count_lost = {
	.sql = "UPDATE %s._rde_report SET lost_claims = lost_claims + 1"
	" WHERE id = ANY ($1) AND status = 'submitted'",
	.types = {UUIDARRAYOID},
	.expected = SPI_OK_UPDATE
};

void
rde_claim_interrupted(const RdeHome *home, const RdeGroup *group)
{
	Datum		values[] = {rde_uuid_array(group->ids, group->count)};

	rde_execute(home, &count_lost, values, NULL);
}
