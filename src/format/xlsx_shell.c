/*
 * xlsx_shell.c
 *	  The shell of an XLSX file: everything but the rows, by libxlsxwriter.
 *
 * The library knows how a workbook looks that Excel likes; it is neither quick
 * nor interruptible enough to write rows.  So it makes one without rows into a
 * memory file, and zip.c takes that apart.
 *
 * Invariant: what the library holds outside of memory contexts (its workbook,
 * the memory file) hangs on the reset callback of one context, so that success
 * and error release it by the same path.  No text of a user goes through it but
 * notes, which hold only what XML can.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "core/compat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "format/xlsx_shell.h"

/* Stands for a number of rows that is not known yet. */
#define UNKNOWN_ROWS	RDE_XLSX_SHEET_ROWS

/* A chart is 288 pixels high, a row 20. */
#define CHART_ROWS		16

typedef struct Library
{
	MemoryContextCallback callback;
	lxw_workbook *workbook;
	int			file;
	bool		file_counted;
	char		path[64];
} Library;

/*
 * A workbook is closed even when it is not wanted any more: lxw_workbook_free()
 * alone would leave the sheets' temporary files open.
 */
static void
release_library(void *arg)
{
	Library    *library = arg;

	if (library->workbook)
		(void) workbook_close(library->workbook);
	library->workbook = NULL;
	if (library->file >= 0)
		close(library->file);
	library->file = -1;
	if (library->file_counted)
		ReleaseExternalFD();
	library->file_counted = false;
}

pg_noreturn static void
library_failed(const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_IO_ERROR),
			 errmsg("could not make the frame of an xlsx file: %s", reason),
			 errhint("Check that the server's directory for temporary files (TMPDIR, or /tmp) exists, is writable and has room.")));
}

static inline void
check_library(bool good, const char *reason)
{
	if (!good)
		library_failed(reason);
}

static void
check_result(lxw_error result)
{
	check_library(result == LXW_NO_ERROR, lxw_strerror(result));
}

static Library *
open_library(void)
{
	Library    *library = palloc0(sizeof(Library));
	lxw_workbook_options options = {0};

	library->file = -1;
	library->callback.func = release_library;
	library->callback.arg = library;
	MemoryContextRegisterResetCallback(CurrentMemoryContext,
									   &library->callback);

	library->file_counted = AcquireExternalFD();
	if (library->file_counted)
		library->file = memfd_create("rde workbook", MFD_CLOEXEC);
	if (library->file < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create a file in memory: %m")));
	snprintf(library->path, sizeof(library->path), "/proc/self/fd/%d",
			 library->file);

	library->workbook = workbook_new_opt(library->path, &options);
	check_library(library->workbook != NULL, "out of memory");
	return library;
}

static void
set_properties(lxw_workbook *workbook, TimestampTz created)
{
	lxw_doc_properties properties = {0};
	int64		seconds = 0;

	if (!TIMESTAMP_NOT_FINITE(created))
		seconds = timestamptz_to_time_t(created);

	/* zero would mean now, and bytes must not depend on the clock */
	properties.created = Max(seconds, 1);
	check_result(workbook_set_properties(workbook, &properties));
}

/* Add a format; returns the number that cells name it by. */
static int
add_style(lxw_workbook *workbook, RdeXlsxStyle style)
{
	lxw_format *format = workbook_add_format(workbook);
	const char *number_format = rde_xlsx_number_format(style);

	check_library(format != NULL, "out of memory");
	switch (style)
	{
		case RDE_XLSX_TITLE:
			format_set_font_size(format, 14);
			format_set_bold(format);
			break;
		case RDE_XLSX_NUMBER_HEADER:
			format_set_align(format, LXW_ALIGN_RIGHT);
			format_set_bold(format);
			break;
		case RDE_XLSX_RIGHT:
			format_set_align(format, LXW_ALIGN_RIGHT);
			break;
		case RDE_XLSX_HEADER:
			format_set_bold(format);
			break;
		case RDE_XLSX_LEFT_DATE:
		case RDE_XLSX_LEFT_TIME:
		case RDE_XLSX_LEFT_COUNT:
			format_set_align(format, LXW_ALIGN_LEFT);
			break;
		default:
			break;
	}
	if (number_format)
		format_set_num_format(format, number_format);
	/* a format gets its number, and a place in the file, by this call */
	return lxw_format_get_xf_index(format);
}

/* Printed, a sheet is one page wide and as many long as it needs. */
static void
set_page(lxw_worksheet *worksheet)
{
	worksheet_set_landscape(worksheet);
	worksheet_set_margins(worksheet, 0.4, 0.4, 0.5, 0.6);
	worksheet_fit_to_pages(worksheet, 1, 0);
	check_result(worksheet_set_footer(worksheet, "&C&P / &N"));
}

static void
add_notes(lxw_worksheet *worksheet, const RdeXlsxPlan *plan)
{
	for (int i = 0; plan->notes && i < plan->ncolumns; i++)
	{
		lxw_comment_options options = {.width = 240,.font_size = 9};
		const char *note = plan->notes[i];

		if (note == NULL)
			continue;
		/* in pixels, as high as its lines of about forty characters */
		options.height = 30 + 15 * (strlen(note) / 36);
		check_result(worksheet_write_comment_opt(worksheet, 0, i, note,
												 &options));
	}
}

static void
add_sheet(lxw_workbook *workbook, const RdeXlsxPlan *plan, int sheet)
{
	lxw_worksheet *worksheet;
	char		name[32];
	int			nrows = plan->nrows ? plan->nrows[sheet - 1] : UNKNOWN_ROWS;

	if (sheet == 1)
		strlcpy(name, "Data", sizeof(name));
	else
		snprintf(name, sizeof(name), "Data %d", sheet);
	worksheet = workbook_add_worksheet(workbook, name);
	check_library(worksheet != NULL, "out of memory");

	worksheet_freeze_panes(worksheet, 1, 0);
	set_page(worksheet);
	check_result(worksheet_repeat_rows(worksheet, 0, 0));

	/* readers trust the ranges stated here, and make what lies in them */
	if (plan->ncolumns > 0)
		check_result(worksheet_autofilter(worksheet, 0, 0, nrows - 1,
										  plan->ncolumns - 1));
	add_notes(worksheet, plan);
}

/* A column of numbers, for the library's charts alone; rows are ours. */
static void
set_numbers(lxw_worksheet *worksheet, const RdeXlsxChart *chart, int column,
			const double *numbers)
{
	for (int row = chart->first_row; numbers && row <= chart->last_row; row++)
		check_result(worksheet_write_number(worksheet, row, column,
											numbers[row - chart->first_row],
											NULL));
}

static void
add_chart(lxw_workbook *workbook, lxw_worksheet *worksheet,
		  const RdeXlsxChart *chart, int row, int column)
{
	lxw_chart_font title = {.size = 12,.bold = LXW_TRUE};
	lxw_chart_line grid = {.color = 0xD9D9D9,.width = 0.75};
	lxw_chart  *drawing = workbook_add_chart(workbook, LXW_CHART_COLUMN);
	lxw_chart_series *series;

	check_library(drawing != NULL, "out of memory");
	series = chart_add_series(drawing, NULL, NULL);
	check_library(series != NULL, "out of memory");
	chart_series_set_categories(series, RDE_XLSX_SUMMARY, chart->first_row, 0,
								chart->last_row, 0);
	chart_series_set_values(series, RDE_XLSX_SUMMARY, chart->first_row,
							chart->column, chart->last_row, chart->column);
	chart_title_set_name(drawing, chart->title);
	chart_title_set_name_font(drawing, &title);
	chart_legend_set_position(drawing, LXW_CHART_LEGEND_NONE);
	if (chart->number_format)
		chart_axis_set_num_format(drawing->x_axis, chart->number_format);
	chart_axis_set_num_format(drawing->y_axis, "#,##0");
	chart_axis_major_gridlines_set_line(drawing->y_axis, &grid);
	set_numbers(worksheet, chart, 0, chart->counted);
	set_numbers(worksheet, chart, chart->column, chart->values);
	check_result(worksheet_insert_chart(worksheet, row, column, drawing));
}

/* What charts refer to is written by others. */
static void
add_summary(lxw_workbook *workbook, const RdeXlsxCharts *charts)
{
	lxw_worksheet *worksheet = workbook_add_worksheet(workbook,
													  RDE_XLSX_SUMMARY);

	check_library(worksheet != NULL, "out of memory");
	set_page(worksheet);
	for (int i = 0; i < charts->count; i++)
		add_chart(workbook, worksheet, &charts->charts[i],
				  charts->row + i * CHART_ROWS, charts->column);
}

static char *
read_file(int file, MemoryContext context, size_t *len)
{
	off_t		size = lseek(file, 0, SEEK_END);
	char	   *data;
	size_t		done = 0;

	if (size < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read a file in memory: %m")));
	data = MemoryContextAlloc(context, size);
	while (done < size)
	{
		ssize_t		got = pread(file, data + done, size - done, done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read a file in memory: %m")));
		if (got == 0)
			elog(ERROR, "file in memory shrank while it was read");
		done += got;
	}
	*len = size;
	return data;
}

/*
 * Does the part end with the end tag of its root element?  On a full disk the
 * library reports success with parts that were cut short.
 */
static bool
is_complete(const RdeZipEntry *part)
{
	char	   *xml = rde_zip_contents(part);
	const char *declared = strstr(xml, "?>");	/* not in VML */
	const char *root = strchr(declared ? declared : xml, '<');
	size_t		size = part->size;
	size_t		name;
	bool		complete = false;

	while (size > 0 && xml[size - 1] == '\n')
		size--;
	if (root)
	{
		root++;
		name = strcspn(root, " />");
		complete = size > name + 3 &&
			memcmp(xml + size - name - 3, "</", 2) == 0 &&
			memcmp(xml + size - name - 1, root, name) == 0 &&
			xml[size - 1] == '>';
	}
	pfree(xml);
	return complete;
}

RdeWorkbook *
rde_workbook_create(const RdeXlsxPlan *plan)
{
	RdeWorkbook *result = palloc0(sizeof(RdeWorkbook));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	Library    *library;
	lxw_workbook *workbook;
	lxw_error	rc;
	char	   *archive;
	size_t		len;
	int			i;

	context = AllocSetContextCreate(caller, "rde workbook",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	library = open_library();
	workbook = library->workbook;
	set_properties(workbook, plan->created);
	for (i = RDE_XLSX_GENERAL + 1; i < RDE_XLSX_STYLES; i++)
		result->styles[i] = add_style(workbook, i);
	for (i = 0; i < plan->nsheets; i++)
		add_sheet(workbook, plan, i + 1);
	if (plan->charts)
		add_summary(workbook, plan->charts);

	/* closing frees it, also when it fails */
	library->workbook = NULL;
	rc = workbook_close(workbook);
	check_result(rc);
	archive = read_file(library->file, caller, &len);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);

	result->parts = rde_zip_read(archive, len, &result->nparts);
	for (i = 0; i < result->nparts; i++)
		check_library(is_complete(&result->parts[i]), "a part was cut short");
	return result;
}

/* Cut the range of the filter behind its last column. */
static void
split_tail(RdeSheetFrame *frame)
{
	char	   *filter = strstr(frame->tail, "<autoFilter ref=\"");
	char		last_row[16];

	if (filter == NULL)
		return;
	snprintf(last_row, sizeof(last_row), "%d\"", UNKNOWN_ROWS);
	filter = strstr(filter, last_row);
	if (filter == NULL)
		elog(ERROR, "filter of the workbook has another range");
	frame->tail_end = filter + strlen(last_row) - 1;
	frame->tail = pnstrdup(frame->tail, filter - frame->tail);
}

RdeSheetFrame
rde_workbook_frame(const RdeWorkbook *workbook, int sheet)
{
	static const char no_rows[] = "<sheetData/>";
	static const char begin_rows[] = "<sheetData>";
	static const char end_rows[] = "</sheetData>";
	RdeSheetFrame frame = {0};
	const RdeZipEntry *part;
	char		name[64];
	char	   *xml;
	char	   *rows;
	char	   *tail;
	char	   *dimension;

	snprintf(name, sizeof(name), RDE_SHEET_PART_FORMAT, sheet);
	part = rde_zip_find(workbook->parts, workbook->nparts, name);
	if (part == NULL)
		elog(ERROR, "workbook has no part \"%s\"", name);
	xml = rde_zip_contents(part);
	/* there are some if the library was told of cells */
	if ((rows = strstr(xml, no_rows)) != NULL)
		tail = rows + strlen(no_rows);
	else if ((rows = strstr(xml, begin_rows)) != NULL &&
			 (tail = strstr(rows, end_rows)) != NULL)
		tail += strlen(end_rows);
	else
		elog(ERROR, "part \"%s\" of the workbook has no place for rows", name);
	frame.tail = psprintf("%s%s", end_rows, tail);
	*rows = '\0';
	split_tail(&frame);

	/* readers trust the range stated here, and ours is not known yet */
	dimension = strstr(xml, "<dimension ");
	if (dimension)
	{
		char	   *after = strstr(dimension, "/>") + 2;

		memmove(dimension, after, strlen(after) + 1);
	}
	frame.head = xml;
	return frame;
}
