/*
 * sum.c
 *	  A sum of numerics that is exact and needs no more memory the longer it is.
 *
 * Most amounts have few digits: they are added as integers, and what has come
 * together is added to a numeric when the sum is asked for.
 *
 * Invariant: the sum is that of numeric_add(), with its number of decimals; it lives
 * in a buffer of its own that is overwritten.
 */
#include "core/sum.h"

#include "core/decimal.h"
#include "common/int.h"
#include "core/compat.h"
#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

static void
add_numeric(RdeSum *sum, Numeric amount)
{
	Size		size;

	if (sum->closed)
		amount = DatumGetNumeric(DirectFunctionCall2(numeric_add,
													 NumericGetDatum(sum->value),
													 NumericGetDatum(amount)));
	size = VARSIZE_ANY(amount);
	if (size > sum->room)
	{
		/* sums grow a digit at a time: a handful of steps in any report */
		sum->room = size * 2;
		sum->value = MemoryContextAlloc(sum->context, sum->room);
	}
	memcpy(sum->value, amount, size);
	sum->closed = true;
}

/* What came together as integers, as a numeric. */
static Numeric
numeric_of_parts(const RdeSum *sum)
{
	int64		whole = sum->whole;
	int64		part = sum->part;
	char		text[64];
	size_t		point;

	/* both with one sign */
	if (whole > 0 && part < 0)
	{
		whole--;
		part += RDE_DECIMAL_PART;
	}
	else if (whole < 0 && part > 0)
	{
		whole++;
		part -= RDE_DECIMAL_PART;
	}
	point = snprintf(text, sizeof(text), "%s" UINT64_FORMAT,
					 whole < 0 || part < 0 ? "-" : "",
					 whole < 0 ? -(uint64) whole : (uint64) whole);
	snprintf(text + point, sizeof(text) - point, ".%016lld",
			 (long long) (part < 0 ? -part : part));
	text[point + (sum->scale > 0 ? 1 + sum->scale : 0)] = '\0';
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static void
settle(RdeSum *sum)
{
	if (!sum->open)
		return;
	add_numeric(sum, numeric_of_parts(sum));
	sum->open = false;
	sum->whole = sum->part = 0;
	sum->scale = 0;
}

/* Add it as integers; false if it is none of those, or does not fit any more. */
static bool
add_parts(RdeSum *sum, Numeric amount)
{
	const struct varlena *bytes = (const struct varlena *) amount;
	RdeDecimal	decimal;
	int64		whole;
	int64		part;
	int64		carry;

	rde_decimal_read(&decimal, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if (!rde_decimal_parts(&decimal, &whole, &part))
		return false;
	part += sum->part;
	carry = part >= RDE_DECIMAL_PART ? 1 : part <= -RDE_DECIMAL_PART ? -1 : 0;
	if (pg_add_s64_overflow(sum->whole, whole + carry, &whole))
		return false;
	sum->whole = whole;
	sum->part = part - carry * RDE_DECIMAL_PART;
	sum->scale = Max(sum->scale, decimal.scale);
	sum->open = true;
	return true;
}

void
rde_sum_add(RdeSum *sum, Numeric amount, MemoryContext context)
{
	sum->any = true;
	sum->context = context;
	if (likely(add_parts(sum, amount)))
		return;
	settle(sum);
	add_numeric(sum, amount);
}

Numeric
rde_sum_value(RdeSum *sum)
{
	settle(sum);
	return sum->closed ? sum->value : NULL;
}

void
rde_sum_reset(RdeSum *sum)
{
	sum->any = sum->open = sum->closed = false;
	sum->whole = sum->part = 0;
	sum->scale = 0;
}
