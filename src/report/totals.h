/*
 * totals.h
 *	  Control totals: rows and sum of amounts per currency.
 */
#ifndef RDE_TOTALS_H
#define RDE_TOTALS_H

#include "core/sum.h"

typedef struct RdeTotal
{
	const char *currency;		/* server encoding; "" for none */
	size_t		currency_len;
	int64		rows;
	RdeSum		amount;
} RdeTotal;

typedef struct RdeTotals
{
	MemoryContext context;
	int			count;
	int			last;			/* entry of the row before */
	int			room;
	RdeTotal   *entries;
} RdeTotals;

extern RdeTotals *rde_totals_create(void);

/*
 * Count one row.  currency may be NULL (no currency), amount NULL (no amount).
 * Allocates scratch memory in the current context.
 */
extern void rde_totals_add(RdeTotals *totals, const char *currency,
						   size_t currency_len, Numeric amount);

/* Count rows that were counted elsewhere.  amount as above: their sum, or NULL. */
extern void rde_totals_merge(RdeTotals *totals, const char *currency,
							 size_t currency_len, int64 rows, Numeric amount);

#endif							/* RDE_TOTALS_H */
