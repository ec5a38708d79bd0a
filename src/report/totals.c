/*
 * totals.c
 *	  Control totals per currency, added up while the rows stream by.
 *
 * Invariant: amounts are added as numeric, exactly; memory does not grow with
 * the rows.
 */
#include "report/totals.h"

#include "core/compat.h"
#include "utils/memutils.h"

/* More than any world has currencies: the column must be a wrong one. */
#define MAX_CURRENCIES	1000

RdeTotals *
rde_totals_create(void)
{
	RdeTotals  *totals = palloc0(sizeof(RdeTotals));

	totals->context = CurrentMemoryContext;
	totals->room = 8;
	totals->entries = palloc0(sizeof(RdeTotal) * totals->room);
	return totals;
}

static inline bool
matches(const RdeTotal *total, const char *currency, size_t len)
{
	return total->currency_len == len &&
		memcmp(total->currency, currency, len) == 0;
}

static RdeTotal *
add_entry(RdeTotals *totals, const char *currency, size_t len)
{
	RdeTotal   *total;
	char	   *copy;

	if (totals->count == MAX_CURRENCIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("currency column has more than %d different values",
						MAX_CURRENCIES),
				 errhint("Attach the source again with another currency column.")));
	if (totals->count == totals->room)
	{
		totals->entries = repalloc(totals->entries,
								   sizeof(RdeTotal) * totals->room * 2);
		totals->room *= 2;
	}
	copy = MemoryContextAlloc(totals->context, len + 1);
	memcpy(copy, currency, len);
	copy[len] = '\0';
	total = &totals->entries[totals->count];
	memset(total, 0, sizeof(*total));
	total->currency = copy;
	total->currency_len = len;
	totals->last = totals->count++;
	return total;
}

static RdeTotal *
find_entry(RdeTotals *totals, const char *currency, size_t len)
{
	if (totals->count > 0 &&
		matches(&totals->entries[totals->last], currency, len))
		return &totals->entries[totals->last];
	for (int i = 0; i < totals->count; i++)
	{
		if (matches(&totals->entries[i], currency, len))
		{
			totals->last = i;
			return &totals->entries[i];
		}
	}
	return add_entry(totals, currency, len);
}

void
rde_totals_add(RdeTotals *totals, const char *currency, size_t currency_len,
			   Numeric amount)
{
	if (currency == NULL)
	{
		currency = "";
		currency_len = 0;
	}
	rde_totals_merge(totals, currency, currency_len, 1, amount);
}

void
rde_totals_merge(RdeTotals *totals, const char *currency, size_t currency_len,
				 int64 rows, Numeric amount)
{
	RdeTotal   *total = find_entry(totals, currency, currency_len);

	total->rows += rows;
	if (amount)
		rde_sum_add(&total->amount, amount, totals->context);
}
