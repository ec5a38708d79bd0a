/*
 * claim.h
 *	  Which worker builds which report.
 */
#ifndef RDE_CLAIM_H
#define RDE_CLAIM_H

#include "report/report.h"
#include "work/waiting.h"

#include "nodes/pg_list.h"

/*
 * Reports that are built by one SELECT: the formats of a period of one generator,
 * and those of others that differ in the reseller only.
 */
typedef struct RdeGroup
{
	int			count;
	pg_uuid_t  *ids;
	pg_uuid_t  *passes;			/* of each; those of one side by side */
	bool		tried;			/* part of a group that could not be built */
	bool		suspect;		/* failed alone: tried again after the others */
	bool		failed;			/* earlier: then it is one pass, alone */
	bool		on_invoice;
	bool		settles;		/* revisions that may bring nothing new */
	bool		failing;		/* their data set's source failed last time */
	int			empty_builds;
} RdeGroup;

/*
 * Claim up to max_passes passes of the reports that can be built now, in groups, the
 * resellers in turn; a pass is not split.  They are taken from what waits, which is
 * looked for if need be.  NIL if there are none, or none that nobody holds.  The
 * caller commits, or nothing is claimed.  Allocates in `context`; needs an SPI
 * connection.
 */
extern List *rde_claim(const RdeHome *home, RdeWaiting *waiting, int max_passes,
					   const RdeReady *asked, MemoryContext context);

/*
 * Lock what is still claimed by this session of a group and drop the rest from
 * it; false if nothing is left to build.
 */
extern bool rde_claim_lock(const RdeHome *home, RdeGroup *group);

/* Give back what this session has claimed and not built. */
extern void rde_claim_release(const RdeHome *home);

/* Give a report back that was being built when its worker was interrupted. */
extern void rde_claim_interrupted(const RdeHome *home, const RdeGroup *group);

#endif							/* RDE_CLAIM_H */
