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

/*
 * After so many claims that never ended a report is in error.  It is built for
 * the last time while no other is built that has been lost, too: else one that
 * kills its worker, and with it every other, would take them along.
 */
#define MAX_LOST_CLAIMS	"3"

/*
 * What was claimed so long ago and is not being built, which its row's lock would
 * tell, waits behind a long build of whoever claimed it: anybody may take it.
 */
#define CLAIM_HOLDS	"interval '2 s'"

/*
 * Can be built by this session, as far as the report's own row says.  $1 is now,
 * $2 and $3 are the session's process and start: what it has claimed already is
 * what it could not lock when it was to be built.
 */
#define IS_PENDING \
	" (r.status = 'submitted' OR r.retry_at IS NOT NULL)" \
	" AND (r.retry_at IS NULL OR r.retry_at <= $1)" \
	" AND (r.claim_pid IS NULL" \
	" OR (r.claim_pid = $2 AND r.claim_start = $3)" \
	" OR r.claimed_at < $1 - " CLAIM_HOLDS \
	" OR NOT %s._rde_alive(r.claim_pid, r.claim_start))"

/* Claimed by another session. */
#define IS_OTHERS \
	" (r.claim_pid IS NOT NULL AND NOT (r.claim_pid = $2 AND r.claim_start = $3))"

/* Claimed by another session that is gone. */
#define IS_LOST \
	" (" IS_OTHERS " AND NOT %s._rde_alive(r.claim_pid, r.claim_start))"

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
	MAX_LOST_CLAIMS " times',"
	" failed_at = clock_timestamp(), retry_at = NULL,"
	" lost_claims = " MAX_LOST_CLAIMS ","
	" claim_pid = NULL, claim_start = NULL, claimed_at = NULL"
	" WHERE id IN (SELECT r.id FROM %s._rde_report r"
	" WHERE r.lost_claims +" IS_LOST "::integer >= " MAX_LOST_CLAIMS
	" AND" IS_PENDING " FOR UPDATE SKIP LOCKED)",
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

/* Of what waits a worker takes this part at most, so that others have theirs. */
#define SHARE	"4"

/* And so much if little waits. */
#define LITTLE	"32"

static const RdeStatement choose_passes = {
	.sql = "WITH building AS MATERIALIZED ("
	"SELECT coalesce(max(r.lost_claims), 0) AS lost"
	" FROM %s._rde_report r"
	" WHERE r.status = 'submitted' AND r.lost_claims > 0"
	" AND" IS_OTHERS
	" AND %s._rde_alive(r.claim_pid, r.claim_start)),"
	" elsewhere AS MATERIALIZED ("
	"SELECT s.dataset FROM %s._rde_source s"
	" WHERE s.watermark IS NOT NULL OR s.delay IS NOT NULL),"
	" ready AS ("
	"SELECT r.pass, r.reseller, min(r.due_at) AS due_at,"
	" max(r.lost_claims +" IS_LOST "::integer) AS lost,"
	" pg_catalog.array_agg(r.id) AS ids"
	" FROM %s._rde_report r WHERE" IS_PENDING
	" AND (r.type IN ('onetime', 'on_invoice')"
	" OR r.snapshot_window OR (r.period_to <= $4"
	" AND (r.dataset NOT IN (SELECT e.dataset FROM elsewhere e)"
	" OR %s._rde_has_arrived(r.dataset, r.period_to)))"
	" OR r.due_at <= $1 - $5::interval)"
	" AND NOT EXISTS (SELECT FROM %s._rde_source_failure f"
	" WHERE f.dataset = r.dataset AND f.paused_until > $1)"
	" AND r.pass <> ALL ($7)"
	" GROUP BY r.pass, r.reseller),"
	" turns AS ("
	"SELECT pass, ids, ready.lost > 0 AS lost, due_at, row_number() OVER"
	" (PARTITION BY reseller ORDER BY due_at, pass) AS turn"
	" FROM ready, building WHERE least(ready.lost, building.lost) = 0"
	" OR greatest(ready.lost, building.lost) < " MAX_LOST_CLAIMS " - 1),"
	" first AS ("
	"SELECT pass, ids, lost, row_number() OVER"
	" (ORDER BY turn, due_at, pass) AS place"
	" FROM turns ORDER BY turn, due_at, pass LIMIT least($6,"
	" (SELECT greatest(count(*) / " SHARE ", " LITTLE ") FROM turns)))"
	" SELECT pg_catalog.array_agg(f.pass), pg_catalog.array_agg(i.id),"
	" pg_catalog.array_agg(f.place) FROM first f, unnest(f.ids) AS i(id)"
	" WHERE f.place = 1 OR (NOT f.lost"
	" AND NOT (SELECT lost FROM first WHERE place = 1))",
	.types = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
	INT4OID, UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

/* Reports whose turn it is, in arrays side by side. */
typedef struct Chosen
{
	Datum		passes;			/* uuid[] */
	Datum		ids;			/* uuid[] */
	Datum		places;			/* bigint[] */
} Chosen;

/*
 * The passes whose turn it is: every reseller's first, then every reseller's second
 * ...  One that was claimed before and never ended comes alone, so that it takes no
 * other with it if it kills its worker.  Those in `tried` are left out.  False if there
 * are none.
 */
static bool
choose(const RdeHome *home, int max_passes, TimestampTz now,
	   TimestampTz horizon, const char *settle_limit, Datum tried,
	   Chosen *chosen)
{
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(MyProcPid), my_start(),
		TimestampTzGetDatum(horizon), CStringGetTextDatum(settle_limit),
		Int32GetDatum(max_passes), tried
	};
	RdeRow		row;

	rde_execute(home, &choose_passes, values, NULL);
	row = rde_row(0);
	if (rde_row_is_null(row, 1))
		return false;
	chosen->passes = rde_row_datum(row, 1);
	chosen->ids = rde_row_datum(row, 2);
	chosen->places = rde_row_datum(row, 3);
	return true;
}

/*
 * What is equal in a kind is built by one SELECT: reports of a pass; or of several,
 * with the rows of one reseller each, in a view that all have, and equal options.  Of one reseller there
 * is one pass in a group, the next in the next.  A group comes where the first of its
 * passes was chosen.
 */
static const RdeStatement mark_passes = {
	.sql = "WITH marked AS ("
	"UPDATE %s._rde_report u SET status = 'submitted',"
	" retry_at = NULL, claimed_at = $1,"
	" lost_claims = u.lost_claims + mine.lost::integer,"
	" claim_pid = $2, claim_start = $3"
	" FROM (SELECT r.id," IS_LOST " AS lost FROM %s._rde_report r"
	" WHERE r.id = ANY ($4) AND" IS_PENDING
	/* a revision that failed and has been replaced by another */
	" AND NOT (r.status = 'error' AND EXISTS"
	" (SELECT FROM %s._rde_report o"
	" WHERE o.supersedes = r.supersedes AND o.status <> 'error'))"
	" FOR UPDATE SKIP LOCKED) mine"
	" WHERE u.id = mine.id"
	" RETURNING u.id, u.pass, u.type, u.settles, u.empty_builds, u.dataset,"
	" u.view, u.reseller, u.period_from, u.period_to, u.time_zone, u.options,"
	" u.snapshot_window, u.generator, u.format),"
	" kinds AS ("
	"SELECT m.*, chosen.place,"
	" CASE WHEN m.reseller IS NULL OR m.type = 'on_invoice'"
	" OR m.snapshot_window"
	" OR coalesce(m.options ->> 'scope', a.scope, 'reseller') <> 'reseller'"
	" OR EXISTS (SELECT FROM %s._rde_view v WHERE v.dataset = m.dataset"
	" AND v.name = m.view AND v.reseller = m.reseller)"
	" THEN ROW(m.pass, (SELECT s.snapshot"
	" FROM %s._rde_generator_snapshot s WHERE m.snapshot_window"
	" AND s.generator = m.generator AND s.format = m.format))::text"
	" ELSE ROW(m.dataset, m.view, m.period_from, m.period_to, m.time_zone,"
	" m.options, m.settles)::text END AS kind"
	" FROM marked m"
	" JOIN unnest($4, $5) AS chosen(id, place) ON chosen.id = m.id"
	" LEFT JOIN %s._rde_account a ON a.id = m.reseller),"
	" layers AS ("
	"SELECT k.*, dense_rank() OVER"
	" (PARTITION BY k.kind, k.reseller ORDER BY k.pass) AS layer"
	" FROM kinds k),"
	" groups AS ("
	"SELECT l.*, min(l.place) OVER (PARTITION BY l.kind, l.layer) AS turn"
	" FROM layers l)"
	" SELECT dense_rank() OVER (ORDER BY g.turn, g.kind, g.layer),"
	" g.id, g.pass, g.type = 'on_invoice', g.settles,"
	" EXISTS (SELECT FROM %s._rde_source_failure f"
	" WHERE f.dataset = g.dataset), g.empty_builds"
	" FROM groups g ORDER BY 1, g.pass, g.id",
	.types = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, UUIDARRAYOID,
	INT8ARRAYOID},
	.expected = SPI_OK_SELECT
};

enum
{
	MARKED_GROUP = 1, MARKED_ID, MARKED_PASS, MARKED_ON_INVOICE,
	MARKED_SETTLES, MARKED_FAILING, MARKED_EMPTY_BUILDS
};

/*
 * Mark them.  What was claimed or finished since they were chosen is left out
 * by the conditions being looked at again under the lock.
 */
static void
mark(const RdeHome *home, const Chosen *chosen, TimestampTz now)
{
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(MyProcPid), my_start(),
		chosen->ids, chosen->places
	};

	rde_execute(home, &mark_passes, values, NULL);
}

static const RdeStatement join_passes = {
	.sql = "SELECT pg_catalog.array_cat($1, $2)",
	.types = {UUIDARRAYOID, UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

static Datum
with_passes(const RdeHome *home, Datum tried, Datum passes)
{
	Datum		values[] = {tried, passes};

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
 * One claims at a time: two that choose the same reports would lock each other's
 * rows, only to find that they are claimed.  No conflict with anything but this
 * and vacuum.
 */
static const RdeStatement wait_for_turn = {
	.sql = "LOCK TABLE %s._rde_worker IN SHARE UPDATE EXCLUSIVE MODE",
	.expected = SPI_OK_UTILITY
};

List *
rde_claim(const RdeHome *home, int max_passes, TimestampTz horizon,
		  const char *settle_limit, Datum skipped, MemoryContext context)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		tried = skipped;
	Chosen		chosen;

	rde_execute(home, &wait_for_turn, NULL, NULL);
	/* who has claimed since this transaction's first look at the sessions? */
	pgstat_clear_snapshot();
	give_up_lost(home, now);
	while (choose(home, max_passes, now, horizon, settle_limit, tried,
				  &chosen))
	{
		mark(home, &chosen, now);
		if (SPI_processed > 0)
			return collect(context);
		/* all locked, by who builds or changes them by hand: the next ones */
		tried = with_passes(home, tried, chosen.passes);
	}
	return NIL;
}

/*
 * What has failed before comes last, for it may do so again, and keep those behind it
 * from being built.
 */
static const RdeStatement lock_claimed = {
	.sql = "SELECT id, pass FROM %s._rde_report WHERE id = ANY ($3)"
	" AND" IS_MINE " ORDER BY failed_at IS NOT NULL, pass, id"
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
