/*
 * blame.h
 *	  Whose fault it was that a report could not be built.
 */
#ifndef RDE_BLAME_H
#define RDE_BLAME_H

#include "build/failure.h"
#include "utils/uuid.h"

/*
 * What a source cannot be read for may be one reseller's: his rows, or a lock of
 * theirs.  But another server that lets us wait is not asked time and again.
 */
extern bool rde_blame_may_be_ones(const RdeFailure *failure);

/*
 * The kind of a report's failure, as for _rde_fail().  others_built: it was tried
 * together with others, some of which have been built.
 */
extern const char *rde_blame(const RdeHome *home, const RdeFailure *failure,
							 bool others_built, const pg_uuid_t *id);

#endif							/* RDE_BLAME_H */
