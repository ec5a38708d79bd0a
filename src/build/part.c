/*
 * part.c
 *	  What is known of a part of a period, as bytes.
 *
 * Invariant: what is got is what was put, in the same order.
 */
#include "build/part.h"

#include "core/pack.h"

static void
put_file(StringInfo to, const RdePartFile *file)
{
	rde_pack(to, file, sizeof(RdePartFile));
	rde_pack(to, file->pieces.pieces, sizeof(RdePiece) * file->pieces.count);
	rde_pack(to, file->own, file->own_length);
}

static void
get_file(const char **from, RdePartFile *file)
{
	size_t		size;

	rde_unpack(from, file, sizeof(RdePartFile));
	size = sizeof(RdePiece) * file->pieces.count;
	file->pieces.pieces = palloc(size);
	rde_unpack(from, file->pieces.pieces, size);
	file->own = *from;
	*from += file->own_length;
}

static void
put_totals(StringInfo to, RdeTotals *totals)
{
	rde_pack(to, &totals->count, sizeof(int));
	for (int i = 0; i < totals->count; i++)
	{
		RdeTotal   *total = &totals->entries[i];

		rde_pack(to, &total->currency_len, sizeof(size_t));
		rde_pack(to, total->currency, total->currency_len);
		rde_pack(to, &total->rows, sizeof(int64));
		rde_pack_numeric(to, rde_sum_value(&total->amount));
	}
}

static RdeTotals *
get_totals(const char **from)
{
	RdeTotals  *totals = rde_totals_create();
	int			count;

	rde_unpack(from, &count, sizeof(int));
	for (int i = 0; i < count; i++)
	{
		size_t		length;
		const char *currency;
		int64		rows;

		rde_unpack(from, &length, sizeof(size_t));
		currency = *from;
		*from += length;
		rde_unpack(from, &rows, sizeof(int64));
		rde_totals_merge(totals, currency, length, rows,
						 rde_unpack_numeric(from));
	}
	return totals;
}

void
rde_part_put(StringInfo to, const RdePart *part)
{
	bool		totals = part->totals != NULL;

	rde_pack(to, &part->rows, sizeof(int64));
	if (part->rows == 0)
		return;
	rde_pack(to, &part->nfiles, sizeof(int));
	for (int i = 0; i < part->nfiles; i++)
		put_file(to, &part->files[i]);
	rde_pack(to, &totals, sizeof(bool));
	if (totals)
		put_totals(to, part->totals);
}

RdePart *
rde_part_get(const char *from)
{
	RdePart    *part = palloc0(sizeof(RdePart));
	bool		totals;

	rde_unpack(&from, &part->rows, sizeof(int64));
	if (part->rows == 0)
		return part;
	rde_unpack(&from, &part->nfiles, sizeof(int));
	for (int i = 0; i < part->nfiles; i++)
		get_file(&from, &part->files[i]);
	rde_unpack(&from, &totals, sizeof(bool));
	if (totals)
		part->totals = get_totals(&from);
	return part;
}
