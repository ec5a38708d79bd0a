/*
 * xlsx.c
 *	  Excel workbooks: sheets full of rows, in an archive that is streamed.
 *
 * Invariant: all parts of the workbook agree on how many sheets it has, and what
 * is in them.
 */
#include "postgres.h"

#include "file/digest.h"
#include "file/hold.h"
#include "format/options.h"
#include "format/xlsx_book.h"
#include "format/xlsx_kept.h"
#include "format/xlsx_note.h"

typedef struct XlsxOptions
{
	bool		summary;		/* a sheet of totals, with charts */
} XlsxOptions;

/*
 * Parts that are the same for any number of sheets.  They come first, so that
 * the first bytes tell what kind of file this is.
 */
static const char *const early_parts[] = {
	"_rels/.rels", "docProps/core.xml", "xl/styles.xml", "xl/theme/theme1.xml"
};

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
	RdeXlsxBook *book = palloc0(sizeof(RdeXlsxBook));
	const XlsxOptions *options = rde_options_of(context->options,
												context->format);

	context->state = book;
	book->context = CurrentMemoryContext;
	book->max_sheets = 4;
	book->nrows = palloc(sizeof(int) * book->max_sheets);
	book->seen = palloc0(sizeof(int) * (context->ncolumns + 1));
	book->widths = palloc0(sizeof(int) * (context->ncolumns + 1));
	book->plan.ncolumns = context->ncolumns;
	book->plan.created = context->dated;
	if (options->summary)
	{
		book->tally = rde_tally_create(context);
		book->plan.notes = rde_xlsx_notes(context->columns,
										  context->ncolumns);
	}
	if (context->part)
	{
		if (book->tally)
			rde_tally_list(book->tally);
		(void) rde_xlsx_book_frame(context);
		rde_xlsx_book_begin_part(context);
	}
}

static void
xlsx_head(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	const RdeWorkbook *workbook = rde_xlsx_book_frame(context);
	RdeSink    *sink = context->sink;

	if (book->tally)
		sink = book->digest = rde_sink_digest_create(sink);
	book->zip = rde_zip_create(sink, context->compressor);
	for (int i = 0; i < workbook->nparts; i++)
	{
		if (is_early_part(&workbook->parts[i]))
			rde_zip_copy(book->zip, &workbook->parts[i]);
	}
	rde_xlsx_book_begin(context);
}

static void
xlsx_row(RdeFormatContext *context, const RdeValue *values)
{
	RdeXlsxBook *book = context->state;

	rde_xlsx_begin_row(context, rde_xlsx_book_row(context, values));
	rde_xlsx_write_values(context, values);
	rde_buffer_append(&context->buffer, "</row>", 6);
	if (book->tally)
		rde_tally_add(book->tally, context, values);
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
	RdeXlsxBook *book = context->state;
	Summary    *summary = palloc0(sizeof(Summary));

	rde_tally_finish(book->tally);
	rde_sink_digest_end(book->digest);
	context->buffer.sink = summary->rows = rde_hold_create();
	summary->ncolumns = rde_xlsx_write_summary(context, book->tally,
											   book->digest->bytes,
											   rde_sink_digest_result(book->digest),
											   &summary->charts,
											   summary->widths);
	rde_buffer_drain(&context->buffer);
	return summary;
}

static void
xlsx_end(RdeFormatContext *context)
{
	RdeXlsxBook *book = context->state;
	Summary    *summary = NULL;
	RdeWorkbook *workbook;

	if (book->hold)
		rde_xlsx_book_settle(context, false);
	if (book->last_row > 0)
		book->nrows[book->plan.nsheets - 1] = book->last_row;
	rde_xlsx_book_end(context);
	book->plan.nrows = book->nrows;
	if (book->tally)
	{
		summary = make_summary(context);
		book->plan.charts = &summary->charts;
	}
	workbook = rde_workbook_get(&book->plan);
	if (summary)
	{
		int			sheet = book->plan.nsheets + 1;
		RdeSheetFrame frame = rde_workbook_frame(workbook, sheet);

		rde_xlsx_book_add(context, sheet, &frame, summary->widths,
						  summary->ncolumns, summary->rows);
	}
	for (int i = 0; i < workbook->nparts; i++)
	{
		const RdeZipEntry *part = &workbook->parts[i];

		if (!is_early_part(part) &&
			strncmp(part->name, RDE_SHEET_PART_PREFIX,
					strlen(RDE_SHEET_PART_PREFIX)) != 0)
			rde_zip_copy(book->zip, part);
	}
	rde_zip_finish(book->zip);
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
	.head = xlsx_head,
	.row = xlsx_row,
	.end = xlsx_end,
	.parts = &rde_xlsx_parts
};
