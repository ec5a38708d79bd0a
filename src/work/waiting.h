/*
 * waiting.h
 *	  What waits to be built, in the order of its turns.
 */
#ifndef RDE_WAITING_H
#define RDE_WAITING_H

#include "core/rde.h"

#include "utils/uuid.h"

/*
 * After so many claims that never ended a report is in error.  It is built for
 * the last time while no other is built that has been lost, too: else one that
 * kills its worker, and with it every other, would take them along.
 */
#define RDE_MAX_LOST_CLAIMS	"3"

/*
 * What was claimed so long ago and is not being built, which its row's lock would
 * tell, waits behind a long build of whoever claimed it: anybody may take it.
 */
#define RDE_CLAIM_HOLDS	"interval '2 s'"

/*
 * Is the session that has claimed it gone?  As _rde_alive() says, but the sessions are
 * looked at once for all reports.
 */
#define RDE_IS_GONE \
	" (r.claim_pid, r.claim_start) NOT IN" \
	" (SELECT s.pid, s.start FROM %s._rde_sessions(NULL::integer) s)"

/*
 * Can be built by this session, as far as the report's own row says.  $1 is now,
 * $2 and $3 are the session's process and start: what it has claimed already is
 * what it could not lock when it was to be built.
 */
#define RDE_IS_PENDING \
	" (r.status = 'submitted' OR r.retry_at IS NOT NULL)" \
	" AND (r.retry_at IS NULL OR r.retry_at <= $1)" \
	" AND (r.claim_pid IS NULL" \
	" OR (r.claim_pid = $2 AND r.claim_start = $3)" \
	" OR r.claimed_at < $1 - " RDE_CLAIM_HOLDS \
	" OR" RDE_IS_GONE ")"

/*
 * And by what it is about: its period has settled, which has up to $4, or it has
 * waited for that for $5; and its source is not left alone.
 */
#define RDE_IS_READY \
	" (r.type IN ('onetime', 'on_invoice')" \
	" OR r.snapshot_window OR (r.period_to <= $4" \
	" AND (r.dataset NOT IN (SELECT s.dataset FROM %s._rde_source s" \
	" WHERE s.watermark IS NOT NULL OR s.delay IS NOT NULL)" \
	" OR %s._rde_has_arrived(r.dataset, r.period_to)))" \
	" OR r.due_at <= $1 - $5::interval)" \
	" AND NOT EXISTS (SELECT FROM %s._rde_source_failure f" \
	" WHERE f.dataset = r.dataset AND f.paused_until > $1)"

/* Claimed by another session. */
#define RDE_IS_OTHERS \
	" (r.claim_pid IS NOT NULL AND NOT (r.claim_pid = $2 AND r.claim_start = $3))"

/* Claimed by another session that is gone. */
#define RDE_IS_LOST \
	" (" RDE_IS_OTHERS " AND" RDE_IS_GONE ")"

/* What is looked for: reports that can be built at a moment. */
typedef struct RdeReady
{
	TimestampTz now;
	TimestampTz horizon;		/* periods have settled that ended by then */
	const char *settle_limit;	/* an interval: others wait so long for it */
	Datum		skipped;		/* uuid[]: passes that are left alone */
} RdeReady;

/* A report whose turn it is. */
typedef struct RdeTurn
{
	pg_uuid_t	id;
	pg_uuid_t	pass;
	int64		place;			/* of its pass, from 1 */
} RdeTurn;

/*
 * What was waiting when it was looked for, the first of it, in order.  One worker
 * takes from it for a while, others from what they have found: so who takes a report
 * looks at it again.
 */
typedef struct RdeWaiting
{
	MemoryContext context;
	RdeTurn    *turns;			/* those of a pass side by side */
	int			count;
	int			taken;			/* of these */
	int64		passes;			/* that are left, here and beyond */
	bool		lost;			/* it was claimed before and never ended:
								 * alone */
	TimestampTz until;			/* to be looked for again */
} RdeWaiting;

/* Empty, in a context of its own below the current one. */
extern RdeWaiting *rde_waiting_create(void);

/*
 * Look for what waits; false if there is nothing.  A pass that was claimed before
 * and never ended comes alone, so that it takes no other with it if it kills its
 * worker.  Needs an SPI connection.
 */
extern bool rde_waiting_look(const RdeHome *home, RdeWaiting *waiting,
							 const RdeReady *ready);

/* Is there none left that was seen lately? */
extern bool rde_waiting_is_over(const RdeWaiting *waiting, TimestampTz now);

/* Forget it: what was seen is no more so. */
extern void rde_waiting_forget(RdeWaiting *waiting);

/*
 * Take up to max_passes passes, and not more than one worker's share.  Returns how
 * many reports they have: of `turns`, they end where the rest begins.
 */
extern int	rde_waiting_take(RdeWaiting *waiting, int max_passes);

#endif							/* RDE_WAITING_H */
