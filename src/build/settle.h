/*
 * settle.h
 *	  Up to when can no more rows appear?
 */
#ifndef RDE_SETTLE_H
#define RDE_SETTLE_H

#include "core/rde.h"

/*
 * The instant before which every transaction that still runs began: a period
 * that ends at or before it is settled, no row stamped within it can be
 * committed any more.  The caller is connected to SPI, and reads the source
 * under a snapshot taken *after* this returned: under an older one a row that
 * was committed in between would be lost.
 */
extern TimestampTz rde_settle_horizon(const RdeHome *home);

/*
 * Before when have all rows of a data set's source arrived that is filled from
 * elsewhere: by its watermark, read now as its owner, and its delay.  The end of
 * time for any other.  As above, and raises what reading the watermark raises.
 */
extern TimestampTz rde_settle_arrived(const RdeHome *home,
									  const char *dataset);

/* Read the watermarks again for the claims to come; a failure is a warning. */
extern void rde_settle_watermarks(const RdeHome *home,
								  MemoryContext context);

#endif							/* RDE_SETTLE_H */
