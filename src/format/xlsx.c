/*
 * xlsx.c
 *	  Excel workbooks: sheets full of rows, in an archive that is streamed.
 *
 * Invariant: the buffer empties into the open sheet of the archive between
 * start and end, and into the sink outside of it.  A range that a workbook
 * states ends where its rows do.
 */
#include "postgres.h"

#include "bytes/utf8.h"
#include "file/zip.h"
#include "format/format.h"
#include "format/xlsx_cell.h"
#include "format/xlsx_shell.h"

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

typedef struct XlsxState
{
	RdeXlsxCells cells;
	RdeZip	   *zip;
	RdeSink    *sheet;			/* the open sheet's XML goes here */
	int			nsheets;
	int			max_sheets;
	int		   *nrows;			/* of each sheet, with the header */
	double	   *widths;
	RdeSheetFrame frames[2];	/* of the first sheet and of all others */
} XlsxState;

/*
 * Parts that are the same for any number of sheets.  They come first, so that
 * the first bytes tell what kind of file this is.
 */
static const char *const early_parts[] = {
	"_rels/.rels", "docProps/core.xml", "xl/styles.xml", "xl/theme/theme1.xml"
};

static void
begin_sheet(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	RdeBuffer  *buffer = &context->buffer;
	const char *head = state->frames[state->nsheets > 0].head;
	char		name[64];

	if (state->nsheets == state->max_sheets)
	{
		state->max_sheets *= 2;
		state->nrows = repalloc(state->nrows, sizeof(int) * state->max_sheets);
	}
	state->nrows[state->nsheets++] = 1;
	snprintf(name, sizeof(name), RDE_SHEET_PART_FORMAT, state->nsheets);
	state->sheet = rde_zip_begin(state->zip, name);
	buffer->sink = state->sheet;
	rde_buffer_append(buffer, head, strlen(head));
	rde_xlsx_begin_row(context, 1);
	rde_xlsx_write_header(context);
	rde_buffer_append(buffer, "</row>", 6);
}

static void
end_sheet(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	const RdeSheetFrame *frame = &state->frames[state->nsheets > 1];
	char		last_row[16];

	rde_buffer_append(&context->buffer, frame->tail, strlen(frame->tail));
	if (frame->tail_end)
	{
		snprintf(last_row, sizeof(last_row), "%d",
				 state->nrows[state->nsheets - 1]);
		rde_buffer_append(&context->buffer, last_row, strlen(last_row));
		rde_buffer_append(&context->buffer, frame->tail_end,
						  strlen(frame->tail_end));
	}
	rde_buffer_drain(&context->buffer);
	rde_sink_finish(state->sheet);
	state->sheet = NULL;
	context->buffer.sink = context->sink;
}

/* Wide enough for ordinary values and for the title with its filter arrow. */
static double
column_width(const RdeColumn *column)
{
	size_t		title = rde_utf16_length(column->name, strlen(column->name)) + 3;
	size_t		width;

	switch (column->shape)
	{
		case RDE_BOOL:
			width = 8;
			break;
		case RDE_DATE:
			width = 12;
			break;
		case RDE_INTEGER:
		case RDE_DECIMAL:
		case RDE_FLOAT:
			/* numbers that are wider than their column show as ### */
			width = column->amount ? 20 : 17;
			break;
		case RDE_LOCAL_TIME:
		case RDE_INSTANT:
		case RDE_UNIX:
			width = 20;
			break;
		case RDE_JSON:
			width = 36;
			break;
		default:
			width = 24;
			break;
	}
	return Max(width, Min(title, 48));
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

static void
xlsx_start(RdeFormatContext *context)
{
	XlsxState  *state = palloc0(sizeof(XlsxState));
	RdeWorkbook *workbook;

	context->state = state;
	state->max_sheets = 4;
	state->nrows = palloc(sizeof(int) * state->max_sheets);
	state->widths = palloc0(sizeof(double) * (context->ncolumns + 1));
	for (int i = 0; i < context->ncolumns; i++)
		state->widths[i] = column_width(&context->columns[i]);

	/* the first sheet is the selected one, any other looks like the second */
	workbook = rde_workbook_create(2, NULL, context->ncolumns, state->widths,
								   context->dated);
	state->frames[0] = rde_workbook_frame(workbook, 1);
	state->frames[1] = rde_workbook_frame(workbook, 2);
	rde_xlsx_prepare_cells(&state->cells, context->ncolumns,
						   workbook->styles);

	state->zip = rde_zip_create(context->sink, context->deflate);
	for (int i = 0; i < workbook->nparts; i++)
	{
		if (is_early_part(&workbook->parts[i]))
			rde_zip_copy(state->zip, &workbook->parts[i]);
	}
	begin_sheet(context);
}

static void
xlsx_row(RdeFormatContext *context, const RdeValue *values)
{
	XlsxState  *state = context->state;
	RdeBuffer  *buffer = &context->buffer;

	if (unlikely(state->nrows[state->nsheets - 1] >= RDE_XLSX_MAX_ROWS ||
				 state->sheet->bytes + buffer->used >= RDE_XLSX_MAX_BYTES))
	{
		end_sheet(context);
		begin_sheet(context);
	}
	rde_xlsx_begin_row(context, ++state->nrows[state->nsheets - 1]);
	rde_xlsx_write_values(context, values);
	rde_buffer_append(buffer, "</row>", 6);
}

static void
xlsx_end(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	RdeWorkbook *workbook;

	end_sheet(context);
	workbook = rde_workbook_create(state->nsheets, state->nrows,
								   context->ncolumns, state->widths,
								   context->dated);
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

const RdeFormat rde_format_xlsx = {
	.name = "xlsx",
	.other_name = "xslx",		/* as the documentation of the API has it */
	.extension = "xlsx",
	.media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	.text = false,
	.compressible = false,
	.start = xlsx_start,
	.row = xlsx_row,
	.end = xlsx_end
};
