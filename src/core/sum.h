/*
 * sum.h
 *	  A sum of numerics that is exact and needs no more memory the longer it is.
 */
#ifndef RDE_SUM_H
#define RDE_SUM_H

#include "postgres.h"
#include "utils/numeric.h"

/* All zeros is a sum of nothing. */
typedef struct RdeSum
{
	bool		any;			/* was anything added? */

	/* private: the last ones, none of which has more decimals */
	bool		open;			/* there are such */
	int			scale;
	int64		whole;
	int64		part;			/* units of 10^-16, fewer than make one */

	/* private: all that was added before */
	bool		closed;			/* there is such */
	uint32		room;			/* bytes allocated at value */
	Numeric		value;			/* own copy */
	MemoryContext context;		/* it lies in */
} RdeSum;

/*
 * Add an amount, which may have a short header.  The sum lies in the given memory
 * context, always the same; scratch memory is allocated in the current one.
 */
extern void rde_sum_add(RdeSum *sum, Numeric amount, MemoryContext context);

/*
 * The sum, with as many decimals as the amount that has most; NULL of nothing.
 * It stays until the sum changes.
 */
extern Numeric rde_sum_value(RdeSum *sum);

/* Back to a sum of nothing; keeps its memory. */
extern void rde_sum_reset(RdeSum *sum);

#endif							/* RDE_SUM_H */
