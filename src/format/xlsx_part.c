/*
 * xlsx_part.c
 *	  How a workbook is put together of parts that several processes wrote.
 *
 * Rows are numbered, and a sheet has a certain number of them: so a part knows by
 * the number of rows before it where it turns to another sheet.  How many bytes its
 * first sheet has, and what columns are as wide as, only those know that have all
 * parts, or the first.
 *
 * Invariant: parts fit if one process that wrote their rows would have turned to
 * other sheets, and settled widths, at the same rows.
 */
#include "postgres.h"

#include "format/options.h"
#include "format/xlsx_book.h"

/*
 * Bytes of a sheet's rows that are far enough from where it would be ended for
 * them: head and header may have as many as the largest row, an eighth.
 */
#define MAX_BYTES	(RDE_XLSX_MAX_BYTES / 8 * 7)

/*
 * What is put of a part; behind it the widest value of each column, and what was
 * put of the summary, if there is one.
 */
typedef struct XlsxPart
{
	bool		first;			/* begins with the first row of all */
	bool		settled;		/* has seen all that widths are made of */
	bool		turned;			/* has rows of several sheets */
	bool		listed;			/* all that its summary needs was put */
	uint64		first_bytes;	/* of the sheet it begins in */
	uint64		most_bytes;		/* of any between */
	uint64		last_bytes;		/* of the sheet it ends in, if turned */
	int			last_row;		/* its number in that sheet */
} XlsxPart;

static XlsxPart
part_of(const char *put)
{
	XlsxPart	part;

	memcpy(&part, put, sizeof(XlsxPart));
	return part;
}

static void
put(RdeFormatContext *context, StringInfo to)
{
	RdeXlsxBook *book = context->state;
	XlsxPart	part = {
		.first = context->rows_before == 0,
		.settled = book->hold == NULL,
		.turned = book->plan.nsheets > 1,
		.listed = true,
		.first_bytes = book->first_bytes,
		.most_bytes = book->most_bytes,
		.last_row = book->nrows[book->plan.nsheets - 1]
	};
	StringInfoData summary;

	if (part.turned)
		part.last_bytes = rde_xlsx_book_bytes(context);
	else
		part.first_bytes = rde_xlsx_book_bytes(context);
	if (book->hold)
		rde_xlsx_book_settle(context, false);
	initStringInfo(&summary);
	if (book->tally)
		part.listed = rde_tally_put(book->tally, &summary);
	appendBinaryStringInfo(to, (char *) &part, sizeof(XlsxPart));
	appendBinaryStringInfo(to, (char *) book->seen,
						   sizeof(int) * context->ncolumns);
	appendBinaryStringInfo(to, summary.data, summary.len);
}

static bool
fit(const char *const *parts, int nparts)
{
	uint64		bytes = 0;

	for (int i = 0; i < nparts; i++)
	{
		XlsxPart	part = part_of(parts[i]);

		bytes += part.first_bytes;
		if (bytes > MAX_BYTES || part.most_bytes > MAX_BYTES ||
			part.last_bytes > MAX_BYTES)
			return false;
		if (part.turned)
			bytes = part.last_bytes;
		if (!part.listed || (part.first && !part.settled && nparts > 1))
			return false;
	}
	return true;
}

static void
get(RdeFormatContext *context, const char *from)
{
	RdeXlsxBook *book = context->state;
	XlsxPart	part = part_of(from);
	size_t		size = sizeof(int) * context->ncolumns;

	from += sizeof(XlsxPart);
	if (part.first)
	{
		memcpy(book->seen, from, size);
		rde_xlsx_book_settle(context, part.settled);
	}
	if (book->tally)
		rde_tally_merge(book->tally, from + size);
	book->last_row = part.last_row;
}

static void
mark(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;

	book->nrows[book->plan.nsheets - 1] = RDE_XLSX_MAX_ROWS;
	rde_xlsx_book_turn(context);
}

const RdePartOps rde_xlsx_parts = {
	.first_rows = RDE_XLSX_SEEN_ROWS + 1,
	.put = put,
	.fit = fit,
	.get = get,
	.mark = mark
};
