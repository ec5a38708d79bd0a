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

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * Enough reports to make the claim's own commit cheap.  They are given back
 * when building them takes longer than a moment, see worker.c.
 */
#define MAX_GROUPS	32

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

/*
 * Reports whose worker was gone for the last time they may be.  Whoever comes
 * next finds out, for the one it happened to cannot.
 */
static void
give_up_lost(const RdeHome *home, TimestampTz now)
{
	Oid			types[] = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(MyProcPid), my_start()
	};

	rde_execute(home,
				"UPDATE %s._rde_report SET status = 'error', sqlstate = '57P02',"
				" error = 'the server process that built it was gone before it ended, "
				MAX_LOST_CLAIMS " times',"
				" failed_at = clock_timestamp(), retry_at = NULL,"
				" lost_claims = " MAX_LOST_CLAIMS ","
				" claim_pid = NULL, claim_start = NULL, claimed_at = NULL"
				" WHERE id IN (SELECT r.id FROM %s._rde_report r"
				" WHERE r.lost_claims +" IS_LOST "::integer >= " MAX_LOST_CLAIMS
				" AND" IS_PENDING " FOR UPDATE SKIP LOCKED)",
				3, types, values, NULL, false, SPI_OK_UPDATE);
}

/*
 * The passes whose turn it is, as a uuid[]: every reseller's first, then every
 * reseller's second ...  One that was claimed before and never ended comes
 * alone, so that it takes no other with it if it kills its worker.  Those in
 * `tried` are left out.
 */
static Datum
choose(const RdeHome *home, int max_groups, TimestampTz now,
	   TimestampTz horizon, const char *settle_limit, Datum tried)
{
	Oid			types[] = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID,
	TIMESTAMPTZOID, TEXTOID, INT4OID, UUIDARRAYOID};
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(MyProcPid), my_start(),
		TimestampTzGetDatum(horizon), CStringGetTextDatum(settle_limit),
		Int32GetDatum(max_groups), tried
	};
	bool		isnull;
	Datum		passes;

	rde_execute(home,
				"WITH building AS MATERIALIZED ("
				"SELECT coalesce(max(r.lost_claims), 0) AS lost"
				" FROM %s._rde_report r"
				" WHERE r.status = 'submitted' AND r.lost_claims > 0"
				" AND" IS_OTHERS
				" AND %s._rde_alive(r.claim_pid, r.claim_start)),"
				" ready AS ("
				"SELECT r.pass, r.reseller, min(r.due_at) AS due_at,"
				" max(r.lost_claims +" IS_LOST "::integer) AS lost"
				" FROM %s._rde_report r WHERE" IS_PENDING
				" AND (r.type IN ('onetime', 'on_invoice')"
				" OR r.snapshot_window OR (r.period_to <= $4"
				" AND NOT EXISTS (SELECT FROM %s._rde_source s"
				" WHERE s.dataset = r.dataset AND (s.watermark IS NOT NULL"
				" OR s.delay IS NOT NULL)"
				" AND NOT %s._rde_has_arrived(r.dataset, r.period_to)))"
				" OR r.due_at <= $1 - $5::interval)"
				" AND NOT EXISTS (SELECT FROM %s._rde_source_failure f"
				" WHERE f.dataset = r.dataset AND f.paused_until > $1)"
				" AND r.pass <> ALL ($7)"
				" GROUP BY r.pass, r.reseller),"
				" turns AS ("
				"SELECT pass, ready.lost > 0 AS lost, due_at, row_number() OVER"
				" (PARTITION BY reseller ORDER BY due_at, pass) AS turn"
				" FROM ready, building WHERE least(ready.lost, building.lost) = 0"
				" OR greatest(ready.lost, building.lost) < " MAX_LOST_CLAIMS " - 1),"
				" first AS ("
				"SELECT pass, lost, row_number() OVER"
				" (ORDER BY turn, due_at, pass) AS place"
				" FROM turns ORDER BY turn, due_at, pass LIMIT $6)"
				" SELECT pg_catalog.array_agg(pass ORDER BY place) FROM first"
				" WHERE place = 1 OR (NOT lost"
				" AND NOT (SELECT lost FROM first WHERE place = 1))",
				7, types, values, NULL, false, SPI_OK_SELECT);
	passes = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &isnull);
	return isnull ? (Datum) 0 : passes;
}

/*
 * Mark them.  What was claimed or finished since they were chosen is left out
 * by the conditions being looked at again under the lock.
 */
static void
mark(const RdeHome *home, Datum passes, TimestampTz now)
{
	Oid			types[] = {TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID,
	UUIDARRAYOID};
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(MyProcPid), my_start(), passes
	};

	rde_execute(home,
				"UPDATE %s._rde_report u SET status = 'submitted',"
				" retry_at = NULL, claimed_at = $1,"
				" lost_claims = u.lost_claims + mine.lost::integer,"
				" claim_pid = $2, claim_start = $3"
				" FROM (SELECT r.id," IS_LOST " AS lost FROM %s._rde_report r"
				" WHERE r.pass = ANY ($4) AND" IS_PENDING
	/* a revision that failed and has been replaced by another */
				" AND NOT (r.status = 'error' AND EXISTS"
				" (SELECT FROM %s._rde_report o"
				" WHERE o.supersedes = r.supersedes AND o.status <> 'error'))"
				" FOR UPDATE SKIP LOCKED) mine,"
				" LATERAL (SELECT EXISTS (SELECT FROM %s._rde_source_failure f"
				" WHERE f.dataset = (SELECT d.dataset FROM %s._rde_report d"
				" WHERE d.id = mine.id)) AS failing) source"
				" WHERE u.id = mine.id"
				" RETURNING u.id, u.pass, u.type = 'on_invoice', u.settles,"
				" source.failing, u.empty_builds, u.snapshot_window,"
				" (SELECT s.snapshot::text FROM %s._rde_generator_snapshot s"
				" WHERE u.snapshot_window AND s.generator = u.generator"
				" AND s.format = u.format)",
				4, types, values, NULL, false, SPI_OK_UPDATE_RETURNING);
}

static Datum
with_passes(const RdeHome *home, Datum tried, Datum passes)
{
	Oid			types[] = {UUIDARRAYOID, UUIDARRAYOID};
	Datum		values[] = {tried, passes};
	bool		isnull;

	rde_execute(home, "SELECT pg_catalog.array_cat($1, $2)",
				2, types, values, NULL, false, SPI_OK_SELECT);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						 &isnull);
}

static pg_uuid_t
uuid_column(HeapTuple row, int column)
{
	bool		isnull;

	return *DatumGetUUIDP(SPI_getbinval(row, SPI_tuptable->tupdesc, column,
										&isnull));
}

static bool
bool_column(HeapTuple row, int column)
{
	bool		isnull;

	return DatumGetBool(SPI_getbinval(row, SPI_tuptable->tupdesc, column,
									  &isnull));
}

/* Do two rows that were marked belong to the same SELECT? */
static bool
same_group(HeapTuple a, HeapTuple b)
{
	pg_uuid_t	pass_a = uuid_column(a, 2);
	pg_uuid_t	pass_b = uuid_column(b, 2);
	char	   *window_a = SPI_getvalue(a, SPI_tuptable->tupdesc, 8);
	char	   *window_b = SPI_getvalue(b, SPI_tuptable->tupdesc, 8);

	return memcmp(&pass_a, &pass_b, sizeof(pg_uuid_t)) == 0 &&
		(window_a == NULL) == (window_b == NULL) &&
		(window_a == NULL || strcmp(window_a, window_b) == 0);
}

/* The marked rows as groups, in the order in which their passes were chosen. */
static List *
collect(Datum passes, MemoryContext context)
{
	List	   *groups = NIL;
	bool	   *taken = palloc0(sizeof(bool) * (SPI_processed + 1));
	Datum	   *order;
	int			npasses;

	deconstruct_array(DatumGetArrayTypeP(passes), UUIDOID, UUID_LEN, false,
					  TYPALIGN_CHAR, &order, NULL, &npasses);
	for (int n = 0; n < npasses; n++)
	{
		for (int i = 0; i < SPI_processed; i++)
		{
			HeapTuple	row = SPI_tuptable->vals[i];
			pg_uuid_t	pass = uuid_column(row, 2);
			MemoryContext old;
			RdeGroup   *group;
			bool		isnull;

			if (taken[i] || memcmp(&pass, DatumGetUUIDP(order[n]),
								   sizeof(pg_uuid_t)) != 0)
				continue;
			old = MemoryContextSwitchTo(context);
			group = palloc0(sizeof(RdeGroup));
			group->pass = pass;
			group->ids = palloc(sizeof(pg_uuid_t) * SPI_processed);
			groups = lappend(groups, group);
			MemoryContextSwitchTo(old);
			group->on_invoice = bool_column(row, 3);
			group->settles = bool_column(row, 4);
			group->failing = bool_column(row, 5);
			group->empty_builds =
				DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 6,
											&isnull));
			for (int j = i; j < SPI_processed; j++)
			{
				if (taken[j] || !same_group(row, SPI_tuptable->vals[j]))
					continue;
				taken[j] = true;
				group->ids[group->count++] =
					uuid_column(SPI_tuptable->vals[j], 1);
			}
		}
	}
	return groups;
}

List *
rde_claim(const RdeHome *home, int max_reports, TimestampTz horizon,
		  const char *settle_limit, Datum skipped, MemoryContext context)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		tried = skipped;
	Datum		passes;

	/*
	 * One at a time: two that choose the same reports would lock each other's
	 * rows, only to find that they are claimed.  No conflict with anything
	 * but this and vacuum.
	 */
	rde_execute(home,
				"LOCK TABLE %s._rde_worker IN SHARE UPDATE EXCLUSIVE MODE",
				0, NULL, NULL, NULL, false, SPI_OK_UTILITY);
	/* who has claimed since this transaction's first look at the sessions? */
	pgstat_clear_snapshot();
	give_up_lost(home, now);
	for (;;)
	{
		passes = choose(home, Min(max_reports, MAX_GROUPS), now, horizon,
						settle_limit, tried);
		if (passes == (Datum) 0)
			return NIL;
		mark(home, passes, now);
		if (SPI_processed > 0)
			return collect(passes, context);
		/* all locked, by who builds or changes them by hand: the next ones */
		tried = with_passes(home, tried, passes);
	}
}

bool
rde_claim_lock(const RdeHome *home, RdeGroup *group)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, UUIDARRAYOID};
	Datum	   *ids = palloc(sizeof(Datum) * group->count);
	Datum		values[3];

	for (int i = 0; i < group->count; i++)
		ids[i] = UUIDPGetDatum(&group->ids[i]);
	values[0] = Int32GetDatum(MyProcPid);
	values[1] = my_start();
	values[2] = PointerGetDatum(construct_array(ids, group->count, UUIDOID,
												UUID_LEN, false,
												TYPALIGN_CHAR));
	rde_execute(home,
				"SELECT id FROM %s._rde_report WHERE id = ANY ($3) AND" IS_MINE
				" FOR UPDATE SKIP LOCKED",
				3, types, values, NULL, false, SPI_OK_SELECT);
	group->count = SPI_processed;
	for (int i = 0; i < group->count; i++)
		group->ids[i] = uuid_column(SPI_tuptable->vals[i], 1);
	return group->count > 0;
}

void
rde_claim_release(const RdeHome *home)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(MyProcPid), my_start()};

	rde_execute(home,
				"UPDATE %s._rde_report SET claim_pid = NULL,"
				" claim_start = NULL, claimed_at = NULL"
				" WHERE id IN (SELECT id FROM %s._rde_report WHERE" IS_MINE
				" FOR UPDATE SKIP LOCKED)",
				2, types, values, NULL, false, SPI_OK_UPDATE);
}

void
rde_claim_interrupted(const RdeHome *home, const RdeGroup *group)
{
	Oid			types[] = {UUIDOID};

	for (int i = 0; i < group->count; i++)
	{
		Datum		values[] = {UUIDPGetDatum(&group->ids[i])};

		rde_execute(home,
					"UPDATE %s._rde_report SET lost_claims = lost_claims + 1"
					" WHERE id = $1 AND status = 'submitted'",
					1, types, values, NULL, false, SPI_OK_UPDATE);
	}
}
