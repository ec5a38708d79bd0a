/*
 * xlsx_book.c
 *	  A workbook that is being written: its archive, and the sheet that is open.
 *
 * Invariant: the buffer empties into the open sheet of the archive between
 * begin and end, and into the sink outside of it.  A range that a workbook states
 * ends where its rows do.
 */
#include "postgres.h"

#include "file/cut.h"
#include "file/hold.h"
#include "format/xlsx_book.h"
#include "format/xlsx_kept.h"
#include "format/xlsx_width.h"
#include "utils/memutils.h"

/* Bytes that rows are held back for, until columns' widths are known. */
#define MAX_HELD			(1024 * 1024)

static void
write_head(RdeFormatContext *context, const char *head, const int *widths,
		   int ncolumns)
{
	StringInfoData xml;

	initStringInfo(&xml);
	appendStringInfoString(&xml, head);
	rde_xlsx_append_widths(&xml, widths, ncolumns);
	appendStringInfoString(&xml, "<sheetData>");
	rde_buffer_append(&context->buffer, xml.data, xml.len);
	pfree(xml.data);
}

static void
open_entry(RdeFormatContext *context, int sheet)
{
	RdeXlsxBook *book = context->state;
	char		name[64];

	snprintf(name, sizeof(name), RDE_SHEET_PART_FORMAT, sheet);
	book->sheet = rde_sink_cut_create(rde_zip_begin(book->zip, name),
									  context->compressor);
}

/* Rows go into the open sheet, where they are cut. */
static void
write_rows_into_sheet(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;

	context->buffer.sink = context->cut = book->sheet;
}

uint64
rde_xlsx_book_bytes(const RdeFormatContext *context)
{
	const RdeXlsxBook *book = context->state;

	return context->buffer.used +
		(book->hold ? book->hold->bytes :
		 book->sheet->bytes - book->sheet_begins);
}

static void
begin_sheet(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	RdeXlsxPlan *plan = &book->plan;
	MemoryContext old = MemoryContextSwitchTo(book->context);

	if (plan->nsheets == book->max_sheets)
	{
		book->max_sheets *= 2;
		book->nrows = repalloc(book->nrows, sizeof(int) * book->max_sheets);
	}
	book->nrows[plan->nsheets++] = 1;
	open_entry(context, plan->nsheets);
	if (plan->nsheets == 1)
		context->buffer.sink = book->hold = rde_hold_create();
	else
	{
		write_rows_into_sheet(context);
		write_head(context, book->frames[1].head, book->widths,
				   context->ncolumns);
	}
	MemoryContextSwitchTo(old);
	rde_xlsx_begin_row(context, 1);
	rde_xlsx_write_header(context);
	rde_buffer_append(&context->buffer, "</row>", 6);
	if (book->hold)
		book->before_rows = rde_xlsx_book_bytes(context);
}

void
rde_xlsx_book_begin(RdeFormatContext *context)
{
	begin_sheet(context);
}

void
rde_xlsx_book_begin_part(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	const int64 most = RDE_XLSX_MAX_ROWS - 1;

	book->sheet = context->cut;
	book->plan.nsheets = 1;
	if (context->rows_before > 0)
	{
		/* not more than a sheet has: the next row may turn to another */
		book->nrows[0] = (int) ((context->rows_before - 1) % most + 2);
		return;
	}
	book->nrows[0] = 1;
	book->hold = rde_hold_create();
	context->buffer.sink = book->hold;
	context->cut = NULL;
}

void
rde_xlsx_book_settle(RdeFormatContext *context, bool more_rows)
{
	RdeXlsxBook *book = context->state;

	rde_buffer_drain(&context->buffer);
	write_rows_into_sheet(context);
	if (!context->part)
	{
		for (int i = 0; i < context->ncolumns; i++)
			book->widths[i] = rde_xlsx_column_width(&context->columns[i],
													book->seen[i], more_rows);
		write_head(context, book->frames[0].head, book->widths,
				   context->ncolumns);
	}
	rde_hold_release(book->hold, &context->buffer);
	book->hold = NULL;
	/* what was held is in no slice, the rest of this one is */
	if (context->in_slice)
		rde_slice_begin(context);
}

static void
write_tail(RdeFormatContext *context, const RdeSheetFrame *frame, int last_row)
{
	RdeXlsxBook *book = context->state;
	char		text[16];

	rde_buffer_append(&context->buffer, frame->tail, strlen(frame->tail));
	if (frame->tail_end)
	{
		snprintf(text, sizeof(text), "%d", last_row);
		rde_buffer_append(&context->buffer, text, strlen(text));
		rde_buffer_append(&context->buffer, frame->tail_end,
						  strlen(frame->tail_end));
	}
	rde_buffer_drain(&context->buffer);
	rde_sink_finish(book->sheet);
	context->buffer.sink = context->sink;
	context->cut = NULL;
}

void
rde_xlsx_book_end(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	int			sheet = book->plan.nsheets - 1;

	write_tail(context, &book->frames[sheet > 0], book->nrows[sheet]);
}

/* The rest of the part is of another sheet. */
static void
turn_in_part(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	uint64		bytes = rde_xlsx_book_bytes(context);

	rde_buffer_drain(&context->buffer);
	rde_cut_mark(context->cut);
	if (book->plan.nsheets == 1)
		book->first_bytes = bytes;
	else
		book->most_bytes = Max(book->most_bytes, bytes);
	/* a part needs to know of no sheet but the open one */
	book->plan.nsheets = 2;
	book->nrows[1] = 1;
	book->sheet_begins = book->sheet->bytes;
}

void
rde_xlsx_book_turn(RdeFormatContext *context)
{
	bool		in_slice = context->in_slice;

	if (in_slice)
		rde_slice_end(context);
	if (context->part)
		turn_in_part(context);
	else
	{
		rde_xlsx_book_end(context);
		begin_sheet(context);
	}
	if (in_slice)
		rde_slice_begin(context);
}

int
rde_xlsx_book_row(RdeFormatContext *context, const RdeValue *values)
{
	RdeXlsxBook *book = context->state;
	int			nrows = book->nrows[book->plan.nsheets - 1];
	uint64		bytes = rde_xlsx_book_bytes(context);
	bool		full = nrows >= RDE_XLSX_MAX_ROWS ||
	bytes >= RDE_XLSX_MAX_BYTES;

	if (unlikely(book->hold != NULL))
	{
		if (nrows > RDE_XLSX_SEEN_ROWS || bytes - book->before_rows >= MAX_HELD || full)
			rde_xlsx_book_settle(context, true);
		else
			rde_xlsx_see(book->seen, context->columns, context->ncolumns,
						 values);
	}
	if (unlikely(full))
		rde_xlsx_book_turn(context);
	return ++book->nrows[book->plan.nsheets - 1];
}

void
rde_xlsx_book_add(RdeFormatContext *context, int sheet,
				  const RdeSheetFrame *frame, const int *widths, int ncolumns,
				  RdeSink *rows)
{
	RdeXlsxBook *book = context->state;

	open_entry(context, sheet);
	context->buffer.sink = book->sheet;
	write_head(context, frame->head, widths, ncolumns);
	rde_hold_release(rows, &context->buffer);
	write_tail(context, frame, 0);
}

const RdeWorkbook *
rde_xlsx_book_frame(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	RdeXlsxPlan plan = book->plan;
	RdeWorkbook *workbook;

	/* the first sheet is the selected one, any other looks like the second */
	plan.nsheets = 2;
	workbook = rde_workbook_get(&plan);
	book->frames[0] = rde_workbook_frame(workbook, 1);
	book->frames[1] = rde_workbook_frame(workbook, 2);
	rde_xlsx_prepare_cells(&book->cells,
						   Max(context->ncolumns, RDE_XLSX_SUMMARY_COLUMNS),
						   workbook->styles);
	return workbook;
}
