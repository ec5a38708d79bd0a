/*
 * watermark.h
 *	  Sources that are filled from elsewhere: before when has all arrived?
 */
#ifndef RDE_WATERMARK_H
#define RDE_WATERMARK_H

#include "core/rde.h"

/*
 * Before when have all rows of a data set's source arrived that is filled from
 * elsewhere: by its watermark, read now as its owner, and its delay.  The end of
 * time for any other.  To be asked before the snapshot is taken that the source is
 * read by.  Raises what reading the watermark raises.
 */
extern TimestampTz rde_watermark_arrived(const RdeHome *home,
										 const char *dataset);

/* Read the watermarks again for the claims to come; a failure is a warning. */
extern void rde_watermark_refresh(const RdeHome *home,
								  MemoryContext context);

#endif							/* RDE_WATERMARK_H */
