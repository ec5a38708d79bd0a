/*
 * xlsx_part_test.c
 *	  A workbook that is put together of parts has the bytes of one that was written
 *	  from beginning to end, wherever its parts, slices and sheets end (F6).
 *
 * Sheets have few rows and bytes here.
 */
#include "unit/server.h"

#define RDE_XLSX_MAX_ROWS	40
#define RDE_XLSX_MAX_BYTES	UINT64CONST(20000)

#include "format/xlsx_book.c"
#include "format/xlsx_part.c"

#include "catalog/pg_type.h"
#include "format/options.h"
#include "kept.h"
#include "utils/fmgrprotos.h"

#define MAX_ROWS	400
#define MAX_PARTS	6
#define ROUNDS		600

/* Rows of a report: a number and a text of some length. */
typedef struct Report
{
	RdeColumn	columns[2];
	RdeOptions	options;
	int			nrows;
	int			lengths[MAX_ROWS];
	bool		slices[MAX_ROWS];	/* one begins with the row */
} Report;

static char letters[MAX_ROWS];

static void
make_report(Report *report)
{
	int			most = random_below(3) == 0 ? MAX_ROWS : 30;

	memset(report, 0, sizeof(Report));
	report->columns[0].name = "id";
	rde_column_prepare(&report->columns[0], INT4OID);
	report->columns[1].name = "note";
	rde_column_prepare(&report->columns[1], TEXTOID);
	rde_options_parse(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"))),
					  &report->options);
	report->nrows = (int) random_below(MAX_ROWS + 1);
	for (int i = 0; i < report->nrows; i++)
	{
		report->lengths[i] = (int) random_below(most);
		report->slices[i] = random_below(6) == 0;
	}
	if (report->nrows > 0)
		report->slices[0] = true;
}

static void
begin(Report *report, RdeFormatContext *context, RdeSink *sink)
{
	memset(context, 0, sizeof(RdeFormatContext));
	context->format = &rde_format_xlsx;
	context->options = &report->options;
	context->columns = report->columns;
	context->ncolumns = 2;
	context->report_name = context->dataset = context->view = "";
	context->sink = sink;
	context->compressor = rde_compressor_create();
	rde_buffer_init(&context->buffer, sink);
}

static void
add_rows(RdeFormatContext *context, const Report *report, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		RdeValue	values[] = {
			{.shape = RDE_INTEGER,.u.integer = i},
			{.shape = RDE_TEXT,.text = letters,.length = report->lengths[i]}
		};

		if (context->in_slice && report->slices[i])
			rde_slice_end(context);
		if (!context->in_slice)
			rde_slice_begin(context);
		rde_format_xlsx.row(context, values);
	}
	if (context->in_slice)
		rde_slice_end(context);
}

static void
end(RdeFormatContext *context)
{
	rde_format_xlsx.end(context);
	rde_buffer_drain(&context->buffer);
}

static Kept *
write_whole(Report *report)
{
	Kept	   *kept = kept_create();
	RdeFormatContext context;

	begin(report, &context, &kept->sink);
	rde_format_xlsx.start(&context);
	rde_format_xlsx.head(&context);
	add_rows(&context, report, 0, report->nrows);
	end(&context);
	return kept;
}

typedef struct Part
{
	Kept	   *spool;
	RdePieces	pieces;
	StringInfoData own;
} Part;

static Part *
write_part(Report *report, int from, int to)
{
	Part	   *part = palloc0(sizeof(Part));
	RdeFormatContext context;

	part->spool = kept_create();
	begin(report, &context, NULL);
	context.part = true;
	context.rows_before = from;
	context.sink = context.cut = rde_sink_cut_spool(&part->spool->sink, context.compressor,
													&part->pieces);
	context.buffer.sink = context.sink;
	rde_format_xlsx.start(&context);
	add_rows(&context, report, from, to);
	initStringInfo(&part->own);
	rde_xlsx_parts.put(&context, &part->own);
	rde_buffer_drain(&context.buffer);
	return part;
}

static void
join_part(RdeFormatContext *context, const Part *part)
{
	const char *data = part->spool->data.data;

	rde_xlsx_parts.get(context, part->own.data);
	for (int i = 0; i < part->pieces.count; i++)
	{
		const RdePiece *piece = &part->pieces.pieces[i];

		if (piece->kind == RDE_PIECE_MARK)
			rde_xlsx_parts.mark(context);
		rde_buffer_drain(&context->buffer);
		rde_sink_write(rde_cut_begin_join(context->cut, piece), data, piece->bytes);
		rde_cut_end_join(context->cut, piece);
		data += piece->bytes;
	}
}

/* NULL if the parts do not fit. */
static Kept *
write_in_parts(Report *report)
{
	Kept	   *kept = kept_create();
	RdeFormatContext context;
	Part	   *parts[MAX_PARTS];
	const char *own[MAX_PARTS];
	int			count = 0;

	for (int done = 0, next; done < report->nrows; done = next, count++)
	{
		next = done + 1 + (int) random_below(report->nrows);
		next = count == MAX_PARTS - 1 ? report->nrows : Min(next, report->nrows);
		parts[count] = write_part(report, done, next);
		own[count] = parts[count]->own.data;
		/* a slice is in one part */
		if (next < report->nrows)
			report->slices[next] = true;
	}
	if (!rde_xlsx_parts.fit(own, count))
		return NULL;
	begin(report, &context, &kept->sink);
	rde_format_xlsx.start(&context);
	rde_format_xlsx.head(&context);
	for (int i = 0; i < count; i++)
		join_part(&context, parts[i]);
	end(&context);
	return kept;
}

/* Has every sheet the rows that it may have, and all together all there are? */
static bool
has_rows(const Kept *file, int nrows)
{
	int			nparts;
	int			found = 0;
	bool		good = true;
	RdeZipEntry *entries = rde_zip_read(file->data.data, file->data.len, &nparts);

	for (int i = 0; i < nparts; i++)
	{
		int			rows = 0;

		if (strncmp(entries[i].name, RDE_SHEET_PART_PREFIX, strlen(RDE_SHEET_PART_PREFIX)) != 0)
			continue;
		for (const char *at = rde_zip_contents(&entries[i]); (at = strstr(at, "<row r=")) != NULL; at++)
			good = atoi(at + strlen("<row r=\"")) == ++rows && good;
		good = rows <= RDE_XLSX_MAX_ROWS && good;
		found += rows - 1;
	}
	return good && found == nrows;
}

static void
unit(void)
{
	int			fitted = 0;
	bool		same = true;
	bool		whole = true;

	memset(letters, 'x', sizeof(letters));
	for (int round = 0; round < ROUNDS; round++)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "round",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		Report		report;
		Kept	   *joined;
		Kept	   *file;

		make_report(&report);
		joined = write_in_parts(&report);
		file = write_whole(&report);
		whole = has_rows(file, report.nrows) && whole;
		fitted += joined != NULL;
		if (joined)
			same = joined->data.len == file->data.len &&
				memcmp(joined->data.data, file->data.data, file->data.len) == 0 && same;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	ok(whole, "every row is in a sheet, and no sheet has too many");
	ok(same, "parts that fit make the same file");
	if (fitted <= ROUNDS / 4 || fitted >= ROUNDS * 9 / 10)
		fprintf(tap, "# %d of %d fit\n", fitted, ROUNDS);
	ok(fitted > ROUNDS / 4 && fitted < ROUNDS * 9 / 10, "some fit, others do not");
}
