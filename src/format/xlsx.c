/*
 * xlsx.c
 *	  Excel workbooks: sheets full of rows, in an archive that is streamed.
 *
 * Invariant: the buffer empties into the open sheet of the archive between
 * start and end, and into the sink outside of it.  A range that a workbook
 * states ends where its rows do.
 */
#include "postgres.h"

#include "file/digest.h"
#include "file/hold.h"
#include "file/zip.h"
#include "format/options.h"
#include "format/xlsx_cell.h"
#include "format/xlsx_kept.h"
#include "format/xlsx_note.h"
#include "format/xlsx_summary.h"
#include "format/xlsx_width.h"
#include "utils/memutils.h"

/* Rows of a sheet, its header included; a test build sets fewer. */
#ifndef RDE_XLSX_MAX_ROWS
#define RDE_XLSX_MAX_ROWS	RDE_XLSX_SHEET_ROWS
#endif

/*
 * No row begins past this many bytes of a sheet's XML.  The largest row there
 * can be, 1,664 columns of 32,767 characters that take seven bytes each, ends
 * before 4 GiB then.
 */
#ifndef RDE_XLSX_MAX_BYTES
#define RDE_XLSX_MAX_BYTES	(UINT64CONST(7) << 29)
#endif

/* Rows that columns are made as wide as, and bytes that those are held back for. */
#define SEEN_ROWS			1000
#define MAX_HELD			(1024 * 1024)

typedef struct XlsxOptions
{
	bool		summary;		/* a sheet of totals, with charts */
} XlsxOptions;

typedef struct XlsxState
{
	RdeXlsxCells cells;
	const XlsxOptions *options;
	MemoryContext context;
	RdeXlsxPlan plan;
	RdeZip	   *zip;
	RdeSink    *sheet;			/* the open sheet's XML goes here */
	int			max_sheets;
	int		   *nrows;			/* of each sheet, with the header */
	RdeSheetFrame frames[2];	/* of the first sheet and of all others */

	/* rows of the first sheet, until its columns' widths are known */
	RdeSink    *hold;			/* NULL: they are */
	int		   *seen;			/* widest value of each column */
	int		   *widths;

	/* for the summary */
	RdeTally   *tally;
	RdeSink    *digest;			/* of the archive */
} XlsxState;

/*
 * Parts that are the same for any number of sheets.  They come first, so that
 * the first bytes tell what kind of file this is.
 */
static const char *const early_parts[] = {
	"_rels/.rels", "docProps/core.xml", "xl/styles.xml", "xl/theme/theme1.xml"
};

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
open_entry(XlsxState *state, int sheet)
{
	char		name[64];

	snprintf(name, sizeof(name), RDE_SHEET_PART_FORMAT, sheet);
	state->sheet = rde_zip_begin(state->zip, name);
}

static void
begin_sheet(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	RdeXlsxPlan *plan = &state->plan;
	MemoryContext old = MemoryContextSwitchTo(state->context);

	if (plan->nsheets == state->max_sheets)
	{
		state->max_sheets *= 2;
		state->nrows = repalloc(state->nrows, sizeof(int) * state->max_sheets);
	}
	state->nrows[plan->nsheets++] = 1;
	open_entry(state, plan->nsheets);
	if (plan->nsheets == 1)
		context->buffer.sink = state->hold = rde_hold_create();
	else
	{
		context->buffer.sink = state->sheet;
		write_head(context, state->frames[1].head, state->widths,
				   context->ncolumns);
	}
	MemoryContextSwitchTo(old);
	rde_xlsx_begin_row(context, 1);
	rde_xlsx_write_header(context);
	rde_buffer_append(&context->buffer, "</row>", 6);
}

/* Enough was seen of the first sheet: its columns' widths are settled. */
static void
settle_widths(RdeFormatContext *context, bool more_rows)
{
	XlsxState  *state = context->state;

	rde_buffer_drain(&context->buffer);
	for (int i = 0; i < context->ncolumns; i++)
		state->widths[i] = rde_xlsx_column_width(&context->columns[i],
												 state->seen[i], more_rows);
	context->buffer.sink = state->sheet;
	write_head(context, state->frames[0].head, state->widths,
			   context->ncolumns);
	rde_hold_release(state->hold, &context->buffer);
	state->hold = NULL;
}

static void
write_tail(RdeFormatContext *context, const RdeSheetFrame *frame, int last_row)
{
	XlsxState  *state = context->state;
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
	rde_sink_finish(state->sheet);
	context->buffer.sink = context->sink;
}

static void
end_sheet(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	int			sheet = state->plan.nsheets - 1;

	write_tail(context, &state->frames[sheet > 0], state->nrows[sheet]);
}

static bool
is_early_part(const RdeZipEntry *part)
{
	int			i;

	for (i = 0; i < lengthof(early_parts); i++)
	{
		if (rde_zip_find(part, 1, early_parts[i]))
			return true;
	}
	return false;
}

/* What the rows' sheets look like, before there are any. */
static void
make_frames(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	RdeXlsxPlan plan = state->plan;
	RdeWorkbook *workbook;

	/* the first sheet is the selected one, any other looks like the second */
	plan.nsheets = 2;
	workbook = rde_workbook_get(&plan);
	state->frames[0] = rde_workbook_frame(workbook, 1);
	state->frames[1] = rde_workbook_frame(workbook, 2);
	rde_xlsx_prepare_cells(&state->cells,
						   Max(context->ncolumns, RDE_XLSX_SUMMARY_COLUMNS),
						   workbook->styles);
	for (int i = 0; i < workbook->nparts; i++)
	{
		if (is_early_part(&workbook->parts[i]))
			rde_zip_copy(state->zip, &workbook->parts[i]);
	}
}

static void
xlsx_start(RdeFormatContext *context)
{
	XlsxState  *state = palloc0(sizeof(XlsxState));

	context->state = state;
	state->options = rde_options_of(context->options, context->format);
	state->context = CurrentMemoryContext;
	state->max_sheets = 4;
	state->nrows = palloc(sizeof(int) * state->max_sheets);
	state->seen = palloc0(sizeof(int) * (context->ncolumns + 1));
	state->widths = palloc0(sizeof(int) * (context->ncolumns + 1));
	state->plan.ncolumns = context->ncolumns;
	state->plan.created = context->dated;
	if (state->options->summary)
	{
		state->tally = rde_tally_create(context);
		state->digest = rde_sink_digest_create(context->sink);
		state->plan.notes = rde_xlsx_notes(context->columns,
										   context->ncolumns);
	}
	state->zip = rde_zip_create(state->digest ? state->digest :
								context->sink, context->deflate);
	make_frames(context);
	begin_sheet(context);
}

static void
xlsx_row(RdeFormatContext *context, const RdeValue *values)
{
	XlsxState  *state = context->state;
	RdeBuffer  *buffer = &context->buffer;
	int		   *nrows = &state->nrows[state->plan.nsheets - 1];
	uint64		bytes = buffer->used +
	(state->hold ? state->hold : state->sheet)->bytes;

	if (unlikely(state->hold != NULL))
	{
		if (*nrows > SEEN_ROWS || bytes >= MAX_HELD ||
			*nrows >= RDE_XLSX_MAX_ROWS || bytes >= RDE_XLSX_MAX_BYTES)
			settle_widths(context, true);
		else
			rde_xlsx_see(state->seen, context->columns, context->ncolumns,
						 values);
	}
	if (unlikely(*nrows >= RDE_XLSX_MAX_ROWS || bytes >= RDE_XLSX_MAX_BYTES))
	{
		end_sheet(context);
		begin_sheet(context);
		nrows = &state->nrows[state->plan.nsheets - 1];
	}
	rde_xlsx_begin_row(context, ++*nrows);
	rde_xlsx_write_values(context, values);
	rde_buffer_append(buffer, "</row>", 6);
	if (state->tally)
		rde_tally_add(state->tally, context, values);
}

/* The summary's rows, which charts have to know the places of. */
typedef struct Summary
{
	RdeXlsxCharts charts;
	RdeSink    *rows;
	int			ncolumns;
	int			widths[RDE_XLSX_SUMMARY_COLUMNS];
} Summary;

static Summary *
make_summary(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	Summary    *summary = palloc0(sizeof(Summary));

	rde_tally_finish(state->tally);
	rde_sink_digest_end(state->digest);
	context->buffer.sink = summary->rows = rde_hold_create();
	summary->ncolumns = rde_xlsx_write_summary(context, state->tally,
											   state->digest->bytes,
											   rde_sink_digest_result(state->digest),
											   &summary->charts,
											   summary->widths);
	rde_buffer_drain(&context->buffer);
	return summary;
}

static void
write_summary(RdeFormatContext *context, const RdeWorkbook *workbook,
			  Summary *summary)
{
	XlsxState  *state = context->state;
	int			sheet = state->plan.nsheets + 1;
	RdeSheetFrame frame = rde_workbook_frame(workbook, sheet);

	open_entry(state, sheet);
	context->buffer.sink = state->sheet;
	write_head(context, frame.head, summary->widths, summary->ncolumns);
	rde_hold_release(summary->rows, &context->buffer);
	write_tail(context, &frame, 0);
}

static void
xlsx_end(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	Summary    *summary = NULL;
	RdeWorkbook *workbook;

	if (state->hold)
		settle_widths(context, false);
	end_sheet(context);
	state->plan.nrows = state->nrows;
	if (state->options->summary)
	{
		summary = make_summary(context);
		state->plan.charts = &summary->charts;
	}
	workbook = rde_workbook_get(&state->plan);
	if (summary)
		write_summary(context, workbook, summary);
	for (int i = 0; i < workbook->nparts; i++)
	{
		const RdeZipEntry *part = &workbook->parts[i];

		if (!is_early_part(part) &&
			strncmp(part->name, RDE_SHEET_PART_PREFIX,
					strlen(RDE_SHEET_PART_PREFIX)) != 0)
			rde_zip_copy(state->zip, part);
	}
	rde_zip_finish(state->zip);
}

static void
set_option(const char *name, const JsonbValue *value, void *own)
{
	XlsxOptions *options = own;

	if (strcmp(name, "summary") != 0)
		rde_option_refuse(psprintf("xlsx.%s", name), "does not exist");
	options->summary = rde_option_bool("xlsx.summary", value);
}

static void
set_options(const JsonbValue *value, void *own, RdeOptions *all)
{
	if (!rde_option_each(value, set_option, own))
		rde_option_refuse("xlsx", "must be an object");
}

const RdeFormat rde_format_xlsx = {
	.name = "xlsx",
	.other_name = "xslx",		/* as the documentation of the API has it */
	.extension = "xlsx",
	.media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	.text = false,
	.compressible = false,
	.options_size = sizeof(XlsxOptions),
	.set_options = set_options,
	.options_hint = "{\"xlsx\": {\"summary\": true}}",
	.options_list =
	"{\"name\":\"xlsx.summary\",\"formats\":[\"xlsx\"],\"type\":\"boolean\","
	"\"default\":false,\"description\":\"A sheet of totals, with charts\"}",
	.start = xlsx_start,
	.row = xlsx_row,
	.end = xlsx_end
};
