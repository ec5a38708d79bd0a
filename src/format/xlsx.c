/*
 * xlsx.c
 *	  Excel workbooks: real numbers, dates and booleans, and text that is never
 *	  a formula.
 *
 * Invariant: a cell is a number only where a double gives back every digit of
 * it; anything else is text.  The buffer empties into the open sheet of the
 * archive between start and end, and into the sink outside of it.
 */
#include "postgres.h"

#include "common/int.h"
#include "bytes/escape.h"
#include "format/format.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/timestamp.h"
#include "format/value.h"
#include "format/xlsx_shell.h"
#include "format/xlsx_number.h"
#include "file/zip.h"

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

#define MAX_CELL_UNITS		32767	/* UTF-16 units of text */
#define MAX_INTEGER			INT64CONST(999999999999999) /* 15 digits */

/*
 * Day numbers of 1900-03-01 and 9999-12-31.  Excel takes 1900 for a leap year,
 * so earlier days have other numbers in other programs.
 */
#define FIRST_DAY			61
#define LAST_DAY			2958465
#define POSTGRES_EPOCH_DAY	36526

#define UNIX_TO_POSTGRES \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* 0001-01-01 in Unix seconds; earlier ones are no dates we can write */
#define MIN_UNIX			INT64CONST(-62135596800)

#define CELL_OPEN_MAX		16

typedef struct XlsxColumn
{
	char		open[CELL_OPEN_MAX];	/* <c r="AB */
	int			open_length;
} XlsxColumn;

typedef struct XlsxState
{
	RdeZip	   *zip;
	RdeSink    *sheet;			/* the open sheet's XML goes here */
	int			nsheets;
	int64		nrows;			/* in the open sheet, with the header */
	XlsxColumn *columns;
	double	   *widths;
	int			date_style;
	int			time_style;
	int			header_style;
	char		row_text[CELL_OPEN_MAX];	/* number of the row */
	int			row_length;
	char	   *head[2];		/* of the first sheet and of all others */
	char	   *tail[2];
} XlsxState;

/*
 * Parts that are the same for any number of sheets.  They come first, so that
 * the first bytes tell what kind of file this is.
 */
static const char *const early_parts[] = {
	"_rels/.rels", "docProps/core.xml", "xl/styles.xml", "xl/theme/theme1.xml"
};

#define APPEND(dst, literal) \
	(memcpy((dst), literal, sizeof(literal) - 1), \
	 (dst) + sizeof(literal) - 1)

#define STRING_OPEN		"\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
#define STRING_CLOSE	"</t></is></c>"

/* <c r="AB12, without a quote behind it; copies of fixed length are quick */
static inline char *
open_cell(char *dst, const XlsxState *state, int column)
{
	memcpy(dst, state->columns[column].open, CELL_OPEN_MAX);
	dst += state->columns[column].open_length;
	memcpy(dst, state->row_text, CELL_OPEN_MAX);
	return dst + state->row_length;
}

static void
set_row(XlsxState *state, int64 row)
{
	state->nrows = row;
	state->row_length = rde_write_int64(state->row_text, row) -
		state->row_text;
}

/* Text and the end of its cell; text may be of any length. */
static void
write_text(RdeFormatContext *context, char *dst, const char *text, size_t len)
{
	while (len > RDE_PIECE_SIZE)
	{
		size_t		piece = rde_piece(text, len, RDE_PIECE_SIZE);

		dst = rde_escape_xlsx(dst, text, piece, len - piece,
							  &context->replaced_characters);
		rde_buffer_advance(&context->buffer, dst);
		dst = rde_buffer_room(&context->buffer);
		text += piece;
		len -= piece;
	}
	dst = rde_escape_xlsx(dst, text, len, 0, &context->replaced_characters);
	dst = APPEND(dst, STRING_CLOSE);
	rde_buffer_advance(&context->buffer, dst);
}

static void
write_string(RdeFormatContext *context, int column, char *dst,
			 const char *text, size_t len)
{
	/* no text has more UTF-16 units than bytes of UTF-8 */
	if (unlikely(len > MAX_CELL_UNITS))
	{
		size_t		units = rde_utf16_length(text, len);

		if (units > MAX_CELL_UNITS)
		{
			const char *name = context->columns[column].name;

			ereport(ERROR,
					(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					 errmsg("text in column \"%s\" is too long for xlsx",
							pg_any_to_server(name, strlen(name), PG_UTF8)),
					 errdetail("The text has %zu characters, a cell holds at most %d.",
							   units, MAX_CELL_UNITS),
					 errhint("Use csv, json or xml, or a view without this column.")));
		}
	}
	dst = APPEND(dst, STRING_OPEN);
	write_text(context, dst, text, len);
}

static char *
write_style(char *dst, int style)
{
	dst = APPEND(dst, "\" s=\"");
	dst = rde_write_int64(dst, style);
	return APPEND(dst, "\"><v>");
}

/*
 * A time as a real date, or false where Excel has no such date.  A double would
 * round the last moment of the last day up to a day that is none.
 */
static bool
write_time(RdeFormatContext *context, char *dst, Timestamp time)
{
	XlsxState  *state = context->state;
	int64		day = time / USECS_PER_DAY;
	int64		rest = time % USECS_PER_DAY;

	if (rest < 0)
	{
		rest += USECS_PER_DAY;
		day--;
	}
	day += POSTGRES_EPOCH_DAY;
	if (day < FIRST_DAY || day > LAST_DAY ||
		(day == LAST_DAY && rest > USECS_PER_DAY - USECS_PER_SEC))
		return false;
	dst = write_style(dst, state->time_style);
	dst = rde_xlsx_write_moment(dst, day, rest);
	dst = APPEND(dst, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
	return true;
}

static void
write_local_time(RdeFormatContext *context, int column, char *dst,
				 Timestamp time)
{
	char		text[RDE_VALUE_TEXT_MAX];

	if (!write_time(context, dst, time))
		write_string(context, column, dst, text,
					 rde_write_local_time(text, time) - text);
}

/* A moment on the clock of the report's zone; as text it is UTC, and says so. */
static void
write_instant(RdeFormatContext *context, int column, char *dst,
			  TimestampTz time)
{
	pg_time_t	seconds = time / USECS_PER_SEC;
	struct pg_tm *tm;
	char		text[RDE_VALUE_TEXT_MAX];

	if (time % USECS_PER_SEC < 0)
		seconds--;
	seconds += UNIX_TO_POSTGRES;
	tm = pg_localtime(&seconds, context->zone);
	if (tm == NULL ||
		!write_time(context, dst, time + tm->tm_gmtoff * USECS_PER_SEC))
		write_string(context, column, dst, text,
					 rde_write_instant(text, time) - text);
}

static void
write_date(RdeFormatContext *context, int column, char *dst, DateADT date)
{
	XlsxState  *state = context->state;
	int64		day = (int64) date + POSTGRES_EPOCH_DAY;

	if (day < FIRST_DAY || day > LAST_DAY)
	{
		char		text[RDE_VALUE_TEXT_MAX];

		write_string(context, column, dst, text,
					 rde_write_date(text, date) - text);
		return;
	}
	dst = write_style(dst, state->date_style);
	dst = rde_write_int64(dst, day);
	dst = APPEND(dst, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
}

static void
write_integer(RdeFormatContext *context, int column, char *dst, int64 integer)
{
	if (integer < -MAX_INTEGER || integer > MAX_INTEGER)
	{
		char		text[RDE_VALUE_TEXT_MAX];

		context->text_numbers++;
		write_string(context, column, dst, text,
					 rde_write_int64(text, integer) - text);
		return;
	}
	dst = APPEND(dst, "\"><v>");
	dst = rde_write_int64(dst, integer);
	dst = APPEND(dst, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
}

static void
write_unix(RdeFormatContext *context, int column, char *dst, int64 seconds)
{
	int64		time;

	if (seconds < MIN_UNIX ||
		pg_mul_s64_overflow(seconds - UNIX_TO_POSTGRES, USECS_PER_SEC,
							&time) ||
		!IS_VALID_TIMESTAMP(time))
		write_integer(context, column, dst, seconds);
	else
		write_instant(context, column, dst, time);
}

static void
write_number(RdeFormatContext *context, char *dst, const char *text,
			 size_t len)
{
	dst = APPEND(dst, "\"><v>");
	memcpy(dst, text, len);
	dst = APPEND(dst + len, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
}

static void
write_decimal(RdeFormatContext *context, int column, char *dst,
			  const RdeValue *value)
{
	size_t		len = value->length;

	if (rde_xlsx_number_fits(value->text, &len))
		write_number(context, dst, value->text, len);
	else
	{
		context->text_numbers++;
		write_string(context, column, dst, value->text, value->length);
	}
}

static void
begin_sheet(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	RdeBuffer  *buffer = &context->buffer;
	const char *head = state->head[state->nsheets > 0];
	char		name[64];
	char	   *dst;
	int			i;

	snprintf(name, sizeof(name), RDE_SHEET_PART_FORMAT, ++state->nsheets);
	state->sheet = rde_zip_begin(state->zip, name);
	buffer->sink = state->sheet;
	rde_buffer_append(buffer, head, strlen(head));
	rde_buffer_append(buffer, "<row r=\"1\">", 11);
	set_row(state, 1);
	for (i = 0; i < context->ncolumns; i++)
	{
		const char *title = context->columns[i].name;

		dst = rde_buffer_room(buffer);
		dst = open_cell(dst, state, i);
		dst = APPEND(dst, "\" s=\"");
		dst = rde_write_int64(dst, state->header_style);
		write_string(context, i, dst, title, strlen(title));
	}
	rde_buffer_append(buffer, "</row>", 6);
}

static void
end_sheet(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	const char *tail = state->tail[state->nsheets > 1];

	rde_buffer_append(&context->buffer, tail, strlen(tail));
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
		case RDE_INTEGER:
		case RDE_DATE:
			width = 12;
			break;
		case RDE_DECIMAL:
		case RDE_FLOAT:
			width = 16;
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
	char	   *dst;
	int			i;

	context->state = state;
	state->columns = palloc0(sizeof(XlsxColumn) * (context->ncolumns + 1));
	state->widths = palloc0(sizeof(double) * (context->ncolumns + 1));
	for (i = 0; i < context->ncolumns; i++)
	{
		dst = APPEND(state->columns[i].open, "<c r=\"");
		dst = rde_xlsx_write_column(dst, i);
		state->columns[i].open_length = dst - state->columns[i].open;
		state->widths[i] = column_width(&context->columns[i]);
	}

	/* the first sheet is the selected one, any other looks like the second */
	workbook = rde_workbook_create(2, context->ncolumns, state->widths,
								   context->dated);
	rde_workbook_frame(workbook, 1, &state->head[0], &state->tail[0]);
	rde_workbook_frame(workbook, 2, &state->head[1], &state->tail[1]);
	state->header_style = workbook->header_style;
	state->date_style = workbook->date_style;
	state->time_style = workbook->time_style;

	state->zip = rde_zip_create(context->sink);
	for (i = 0; i < workbook->nparts; i++)
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
	char	   *dst;
	int			i;

	if (unlikely(state->nrows >= RDE_XLSX_MAX_ROWS ||
				 state->sheet->bytes + buffer->used >= RDE_XLSX_MAX_BYTES))
	{
		end_sheet(context);
		begin_sheet(context);
	}
	set_row(state, state->nrows + 1);

	dst = rde_buffer_room(buffer);
	dst = APPEND(dst, "<row r=\"");
	memcpy(dst, state->row_text, CELL_OPEN_MAX);
	dst += state->row_length;
	dst = APPEND(dst, "\">");
	rde_buffer_advance(buffer, dst);

	for (i = 0; i < context->ncolumns; i++)
	{
		const RdeValue *value = &values[i];

		if (value->shape == RDE_NULL)
			continue;
		dst = rde_buffer_room(buffer);
		dst = open_cell(dst, state, i);
		switch (value->shape)
		{
			case RDE_NULL:
				break;
			case RDE_BOOL:
				dst = APPEND(dst, "\" t=\"b\"><v>");
				*dst++ = value->u.boolean ? '1' : '0';
				dst = APPEND(dst, "</v></c>");
				rde_buffer_advance(buffer, dst);
				break;
			case RDE_INTEGER:
				write_integer(context, i, dst, value->u.integer);
				break;
			case RDE_DECIMAL:
				write_decimal(context, i, dst, value);
				break;
			case RDE_FLOAT:
				/* a double already: its digits are not money's */
				write_number(context, dst, value->text, value->length);
				break;
			case RDE_DATE:
				write_date(context, i, dst, value->u.date);
				break;
			case RDE_LOCAL_TIME:
				write_local_time(context, i, dst, value->u.time);
				break;
			case RDE_INSTANT:
				write_instant(context, i, dst, value->u.time);
				break;
			case RDE_UNIX:
				write_unix(context, i, dst, value->u.integer);
				break;
			case RDE_NOT_A_NUMBER:
			case RDE_TEXT:
			case RDE_JSON:
				write_string(context, i, dst, value->text, value->length);
				break;
		}
	}
	dst = rde_buffer_room(buffer);
	dst = APPEND(dst, "</row>");
	rde_buffer_advance(buffer, dst);
}

static void
xlsx_end(RdeFormatContext *context)
{
	XlsxState  *state = context->state;
	RdeWorkbook *workbook;
	int			i;

	end_sheet(context);
	workbook = rde_workbook_create(state->nsheets, context->ncolumns,
								   state->widths, context->dated);
	for (i = 0; i < workbook->nparts; i++)
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
	.compressible = false,
	.start = xlsx_start,
	.row = xlsx_row,
	.end = xlsx_end
};
