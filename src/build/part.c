/*
 * part.c
 *	  What is known of a part of a period, as bytes.
 *
 * Invariant: what is got is what was put, in the same order.
 */
#include "build/part.h"

#include "core/compat.h"

static void
put(StringInfo to, const void *bytes, size_t len)
{
	appendBinaryStringInfo(to, bytes, (int) len);
}

static void
get(const char **from, void *bytes, size_t len)
{
	memcpy(bytes, *from, len);
	*from += len;
}

static void
put_file(StringInfo to, const RdePartFile *file)
{
	put(to, file, sizeof(RdePartFile));
	put(to, file->pieces.pieces, sizeof(RdePiece) * file->pieces.count);
	put(to, file->own, file->own_length);
}

static void
get_file(const char **from, RdePartFile *file)
{
	size_t		size;

	get(from, file, sizeof(RdePartFile));
	size = sizeof(RdePiece) * file->pieces.count;
	file->pieces.pieces = palloc(size);
	get(from, file->pieces.pieces, size);
	file->own = *from;
	*from += file->own_length;
}

static void
put_totals(StringInfo to, RdeTotals *totals)
{
	put(to, &totals->count, sizeof(int));
	for (int i = 0; i < totals->count; i++)
	{
		RdeTotal   *total = &totals->entries[i];
		Numeric		amount = rde_sum_value(&total->amount);
		Size		size = amount ? VARSIZE_ANY(amount) : 0;

		put(to, &total->currency_len, sizeof(size_t));
		put(to, total->currency, total->currency_len);
		put(to, &total->rows, sizeof(int64));
		put(to, &size, sizeof(Size));
		put(to, amount, size);
	}
}

static RdeTotals *
get_totals(const char **from)
{
	RdeTotals  *totals = rde_totals_create();
	int			count;

	get(from, &count, sizeof(int));
	for (int i = 0; i < count; i++)
	{
		size_t		length;
		const char *currency;
		int64		rows;
		Size		size;
		Numeric		amount;

		get(from, &length, sizeof(size_t));
		currency = *from;
		*from += length;
		get(from, &rows, sizeof(int64));
		get(from, &size, sizeof(Size));
		amount = size > 0 ? palloc(size) : NULL;
		if (amount)
			get(from, amount, size);
		rde_totals_merge(totals, currency, length, rows, amount);
	}
	return totals;
}

void
rde_part_put(StringInfo to, const RdePart *part)
{
	bool		totals = part->totals != NULL;

	put(to, &part->rows, sizeof(int64));
	if (part->rows == 0)
		return;
	put(to, &part->nfiles, sizeof(int));
	for (int i = 0; i < part->nfiles; i++)
		put_file(to, &part->files[i]);
	put(to, &totals, sizeof(bool));
	if (totals)
		put_totals(to, part->totals);
}

RdePart *
rde_part_get(const char *from)
{
	RdePart    *part = palloc0(sizeof(RdePart));
	bool		totals;

	get(&from, &part->rows, sizeof(int64));
	if (part->rows == 0)
		return part;
	get(&from, &part->nfiles, sizeof(int));
	for (int i = 0; i < part->nfiles; i++)
		get_file(&from, &part->files[i]);
	get(&from, &totals, sizeof(bool));
	if (totals)
		part->totals = get_totals(&from);
	return part;
}
