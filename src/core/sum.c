/*
 * sum.c
 *	  A sum of numerics that is exact and needs no more memory the longer it is.
 *
 * Invariant: a sum lives in a buffer of its own that is overwritten.
 */
#include "core/sum.h"

#include "core/compat.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

void
rde_sum_add(RdeSum *sum, Numeric amount, MemoryContext context)
{
	Size		size;

	if (sum->any)
		amount = DatumGetNumeric(DirectFunctionCall2(numeric_add,
													 NumericGetDatum(sum->value),
													 NumericGetDatum(amount)));
	size = VARSIZE_ANY(amount);
	if (size > sum->room)
	{
		/* sums grow a digit at a time: a handful of steps in any report */
		sum->room = size * 2;
		sum->value = MemoryContextAlloc(context, sum->room);
	}
	memcpy(sum->value, amount, size);
	sum->any = true;
}

void
rde_sum_reset(RdeSum *sum)
{
	sum->any = false;
}
