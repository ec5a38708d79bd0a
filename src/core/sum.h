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
	uint32		room;			/* bytes allocated at value */
	Numeric		value;			/* own copy */
} RdeSum;

/*
 * Add an amount.  The sum lies in the given memory context; scratch memory is
 * allocated in the current one.
 */
extern void rde_sum_add(RdeSum *sum, Numeric amount, MemoryContext context);

/* Back to a sum of nothing; keeps its memory. */
extern void rde_sum_reset(RdeSum *sum);

#endif							/* RDE_SUM_H */
