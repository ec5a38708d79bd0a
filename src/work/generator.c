/*
 * generator.c
 *	  Generators: from due periods to submitted reports.
 *
 * Invariant: a generator's reports of a period are inserted in the transaction
 * that moves it on to the next one, under the lock of its row; a period begins
 * where the one before it ended.  So no period is missing and none comes twice,
 * whoever runs this, how often, and whenever it is interrupted.
 */
#include "work/generator.h"

#include "core/calendar.h"
#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/*
 * Enough for a commit not to matter, few enough for a transaction to be short.
 * MAX_PERIODS is what one generator may catch up with before the others have
 * their turn.
 */
#define MAX_GENERATORS	200
#define MAX_PERIODS		10

/* An account with so many reports to be built gets no more of its generators. */
#define MAX_WAITING		"1000"

/* Parallel arrays, as unnest() takes them. */
typedef struct Periods
{
	int			count;
	Datum		generators[MAX_GENERATORS * MAX_PERIODS];
	Datum		froms[MAX_GENERATORS * MAX_PERIODS];
	Datum		tos[MAX_GENERATORS * MAX_PERIODS];
	Datum		runs[MAX_GENERATORS * MAX_PERIODS];
} Periods;

/*
 * A snapshot window that is still to be built holds up the next: it will hold what
 * changed until then, too.  And an account whose reports wait in masses waits
 * itself until some are built, so that its backlog is no heavier than this.  CASE keeps
 * the planner from reading all that waits for each of them: it knows of an hour when
 * nothing waited.
 *
 * The order is that of an index, with nothing beside it: generators are looked at until
 * there are enough of them.  A sort would look at all that are due, batch after batch.
 */
static const RdeStatement lock_due = {
	.sql = "SELECT g.id, g.event, g.time_zone, g.week_day, g.month_start,"
	" g.month_day, g.catch_up,"
	" s.change_column IS NOT NULL,"
	" g.next_from, g.next_to, g.next_run_at, g.run_at"
	" FROM %s._rde_generator g"
	" LEFT JOIN %s._rde_source s ON s.dataset = g.dataset"
	" WHERE g.enabled AND g.next_run_at <= $1"
	" AND (s.change_column IS NULL OR NOT EXISTS"
	" (SELECT FROM %s._rde_report r WHERE r.generator = g.id"
	" AND r.snapshot_window"
	" AND (r.status = 'submitted' OR r.retry_at IS NOT NULL)))"
	" AND g.id <> ALL ($3)"
	" AND (g.reseller IS NULL OR (SELECT pg_catalog.count(*) FROM"
	" (SELECT FROM %s._rde_report r WHERE r.reseller = g.reseller"
	" AND r.published_at IS NULL"
	" AND CASE WHEN r.status = 'submitted' THEN true"
	" ELSE r.retry_at IS NOT NULL END"
	" LIMIT " MAX_WAITING ") AS waiting) < " MAX_WAITING ")"
	" ORDER BY g.next_run_at LIMIT $2"
	" FOR UPDATE OF g SKIP LOCKED",
	.types = {TIMESTAMPTZOID, INT4OID, UUIDARRAYOID},
	.expected = SPI_OK_SELECT
};

enum
{
	DUE_GENERATOR = 1, DUE_EVENT, DUE_ZONE, DUE_WEEK_DAY, DUE_MONTH_START,
	DUE_MONTH_DAY, DUE_CATCH_UP, DUE_WINDOW, DUE_FROM, DUE_TO, DUE_RUN,
	DUE_RUN_AT
};

static void
add_period(Periods *periods, Datum generator, const RdePeriod *period)
{
	int			i = periods->count++;

	periods->generators[i] = generator;
	periods->froms[i] = TimestampTzGetDatum(period->from);
	periods->tos[i] = TimestampTzGetDatum(period->to);
	periods->runs[i] = TimestampTzGetDatum(period->run);
}

/*
 * The due periods of a generator into `due`, the one that comes next into
 * `next`.  Without catching up only the latest of them counts; a snapshot
 * window reaches over all of them.
 */
static void
advance(RdeRow row, TimestampTz now, Periods *due, Periods *next)
{
	Datum		generator = rde_row_datum(row, DUE_GENERATOR);
	bool		latest_only = strcmp(rde_row_text(row, DUE_CATCH_UP),
									 "none") == 0;
	bool		one_window = rde_row_bool(row, DUE_WINDOW);
	RdeSchedule schedule;
	RdePeriod	period;
	RdePeriod	reported;
	int			added = 0;

	schedule.event = rde_event(rde_row_text(row, DUE_EVENT));
	schedule.zone = rde_zone(rde_row_text(row, DUE_ZONE));
	schedule.week_day = rde_row_int32(row, DUE_WEEK_DAY);
	schedule.month_start = rde_row_int32(row, DUE_MONTH_START);
	schedule.month_day = rde_row_int32(row, DUE_MONTH_DAY);
	schedule.run_at = DatumGetTimeADT(rde_row_datum(row, DUE_RUN_AT));
	period.from = rde_row_instant(row, DUE_FROM);
	period.to = rde_row_instant(row, DUE_TO);
	period.run = rde_row_instant(row, DUE_RUN);
	reported = period;
	while (period.run <= now && added < MAX_PERIODS)
	{
		TimestampTz from = one_window ? reported.from : period.from;

		reported = period;
		reported.from = from;
		period = rde_period_from(&schedule, period.to);
		if (!one_window && !latest_only)
		{
			add_period(due, generator, &reported);
			added++;
		}
	}
	if (one_window || latest_only)
		add_period(due, generator, &reported);
	add_period(next, generator, &period);
}

static void
execute(const RdeHome *home, const RdeStatement *statement, Periods *periods)
{
	Datum		values[] = {
		rde_array(periods->generators, NULL, periods->count, UUIDOID),
		rde_array(periods->froms, NULL, periods->count, TIMESTAMPTZOID),
		rde_array(periods->tos, NULL, periods->count, TIMESTAMPTZOID),
		rde_array(periods->runs, NULL, periods->count, TIMESTAMPTZOID)
	};

	rde_execute(home, statement, values, NULL);
}

/* A period that has its reports already, as after a restore, is left alone. */
static const RdeStatement submit_due = {
	.sql = "SELECT %s._rde_submit_passes($1, $2, $3, $4, NULL::text[],"
	" NULL::bigint[], NULL::text)",
	.types = {UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
	TIMESTAMPTZARRAYOID},
	.expected = SPI_OK_SELECT
};

static const RdeStatement move_on = {
	.sql = "UPDATE %s._rde_generator g SET next_from = n.period_from,"
	" next_to = n.period_to, next_run_at = n.run"
	" FROM unnest($1, $2, $3, $4)"
	" AS n(generator, period_from, period_to, run)"
	" WHERE g.id = n.generator",
	.types = {UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
	TIMESTAMPTZARRAYOID},
	.expected = SPI_OK_UPDATE
};

bool
rde_generator_submit_due(const RdeHome *home, int limit, Datum skipped,
						 pg_uuid_t *last)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[] = {
		TimestampTzGetDatum(now), Int32GetDatum(Min(limit, MAX_GENERATORS)),
		skipped
	};
	Periods    *due;
	Periods    *next;

	rde_execute(home, &lock_due, values, NULL);
	if (SPI_processed == 0)
		return false;
	*last = rde_row_uuid(rde_row(SPI_processed - 1), DUE_GENERATOR);
	due = palloc(sizeof(Periods));
	next = palloc(sizeof(Periods));
	due->count = next->count = 0;
	for (int i = 0; i < SPI_processed; i++)
		advance(rde_row(i), now, due, next);
	execute(home, &submit_due, due);
	execute(home, &move_on, next);
	pfree(due);
	pfree(next);
	return true;
}

static const RdeStatement disable = {
	.sql = "UPDATE %s._rde_generator SET enabled = false,"
	" foreign_reason = false,"
	" disabled_reason = 'its reports cannot be submitted: ' || $2"
	" WHERE id = $1",
	.types = {UUIDOID, TEXTOID},
	.expected = SPI_OK_UPDATE
};

/*
 * What a generator asks for cannot be: it makes no reports until somebody has
 * changed it.
 */
void
rde_generator_disable(const RdeHome *home, const pg_uuid_t *id,
					  const ErrorData *error)
{
	Datum		values[] = {
		UUIDPGetDatum(id), CStringGetTextDatum(error->message)
	};

	rde_execute(home, &disable, values, NULL);
}
