/*
 * xlsx_cell.c
 *	  The cells of a workbook's rows: real numbers, dates and booleans, and text
 *	  that is never a formula.
 *
 * Invariant: a cell is a number only where a double gives back every digit of
 * it; anything else is text.
 */
#include "postgres.h"

#include "common/int.h"
#include "bytes/markup.h"
#include "bytes/utf8.h"
#include "core/calendar.h"
#include "format/xlsx_cell.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/timestamp.h"
#include "format/value.h"
#include "format/xlsx_number.h"

#define MAX_CELL_UNITS		32767	/* UTF-16 units of text */
#define MAX_INTEGER			INT64CONST(999999999999999) /* 15 digits */

/*
 * Day numbers of 1900-03-01 and 9999-12-31.  Excel takes 1900 for a leap year,
 * so earlier days have other numbers in other programs.
 */
#define FIRST_DAY			61
#define LAST_DAY			2958465

#define UNIX_TO_POSTGRES \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* 0001-01-01 in Unix seconds; earlier ones are no dates we can write */
#define MIN_UNIX			INT64CONST(-62135596800)

#define APPEND(dst, literal) \
	(memcpy((dst), literal, sizeof(literal) - 1), \
	 (dst) + sizeof(literal) - 1)

#define STRING_OPEN		"\" t=\"inlineStr\"><is><t>"
#define SPACED_OPEN		"\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
#define STRING_CLOSE	"</t></is></c>"

/* Copies of fixed length are quick. */
static inline char *
put_piece(char *dst, const RdeXlsxPiece *piece)
{
	memcpy(dst, piece->text, RDE_CELL_OPEN_MAX);
	return dst + piece->length;
}

/* <c r="AB12, without a quote behind it */
static inline char *
open_cell(char *dst, const RdeXlsxCells *cells, int column)
{
	return put_piece(put_piece(dst, &cells->columns[column]), &cells->row);
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

/* White space of XML, which readers may cut off at the ends of text. */
static inline bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
write_cell_text(RdeFormatContext *context, char *dst, const char *text,
				size_t len)
{
	if (unlikely(len > 0 && (is_space(text[0]) || is_space(text[len - 1]))))
		dst = APPEND(dst, SPACED_OPEN);
	else
		dst = APPEND(dst, STRING_OPEN);
	write_text(context, dst, text, len);
}

static void
write_string(RdeFormatContext *context, int column, char *dst,
			 const char *text, size_t len)
{
	/* no text has more UTF-16 units than bytes of UTF-8 */
	if (unlikely(len > MAX_CELL_UNITS))
	{
		size_t		units = rde_xlsx_length(text, len);

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
	write_cell_text(context, dst, text, len);
}

/* <v> of a cell with a number or a date. */
static inline char *
open_number(char *dst, const RdeXlsxCells *cells, RdeXlsxStyle style)
{
	return put_piece(dst, &cells->numbers[style]);
}

/*
 * A time as a real date, or false where Excel has no such date.  A double would
 * round the last moment of the last day up to a day that is none.
 */
static bool
write_time(RdeFormatContext *context, RdeXlsxStyle style, char *dst,
		   Timestamp time)
{
	const RdeXlsxCells *cells = context->state;
	int64		day = time / USECS_PER_DAY;
	int64		rest = time % USECS_PER_DAY;

	if (rest < 0)
	{
		rest += USECS_PER_DAY;
		day--;
	}
	day += RDE_XLSX_EPOCH_DAY;
	if (day < FIRST_DAY || day > LAST_DAY ||
		(day == LAST_DAY && rest > USECS_PER_DAY - USECS_PER_SEC))
		return false;
	dst = open_number(dst, cells, style);
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

	if (!write_time(context, RDE_XLSX_TIME, dst, time))
		write_string(context, column, dst, text,
					 rde_write_local_time(text, time) - text);
}

/* A moment on the clock of the report's zone; as text it is UTC, and says so. */
static void
write_instant(RdeFormatContext *context, int column, RdeXlsxStyle style,
			  char *dst, TimestampTz time)
{
	pg_time_t	seconds = time / USECS_PER_SEC;
	struct pg_tm *tm;
	char		text[RDE_VALUE_TEXT_MAX];

	if (time % USECS_PER_SEC < 0)
		seconds--;
	seconds += UNIX_TO_POSTGRES;
	tm = pg_localtime(&seconds, context->zone);
	if (tm == NULL ||
		!write_time(context, style, dst,
					time + tm->tm_gmtoff * USECS_PER_SEC))
		write_string(context, column, dst, text,
					 rde_write_instant(text, time) - text);
}

static void
write_date(RdeFormatContext *context, int column, RdeXlsxStyle style,
		   char *dst, DateADT date)
{
	const RdeXlsxCells *cells = context->state;
	int64		day = (int64) date + RDE_XLSX_EPOCH_DAY;

	if (day < FIRST_DAY || day > LAST_DAY)
	{
		char		text[RDE_VALUE_TEXT_MAX];

		write_string(context, column, dst, text,
					 rde_write_date(text, date) - text);
		return;
	}
	dst = open_number(dst, cells, style);
	dst = rde_write_int64(dst, day);
	dst = APPEND(dst, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
}

/* How a column shows a number with so many decimals. */
static RdeXlsxStyle
number_style(const RdeFormatContext *context, int column, int decimals)
{
	return context->columns[column].amount ?
		rde_xlsx_amount_style(decimals, context->currency,
							  context->currency_length) :
		rde_xlsx_number_style(decimals);
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
	dst = open_number(dst, context->state, number_style(context, column, 0));
	dst = rde_write_int64(dst, integer);
	dst = APPEND(dst, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
}

/* The day that begins with this instant, in the report's zone; or false. */
static bool
begins_day(RdeFormatContext *context, TimestampTz time, DateADT *day)
{
	*day = rde_day_of(time, context->zone);
	return *day + RDE_XLSX_EPOCH_DAY >= FIRST_DAY &&
		*day + RDE_XLSX_EPOCH_DAY <= LAST_DAY &&
		rde_day_start(*day, context->zone) == time;
}

static void
write_unix(RdeFormatContext *context, int column, char *dst, int64 seconds)
{
	int64		time;
	DateADT		day;

	if (seconds < MIN_UNIX ||
		pg_mul_s64_overflow(seconds - UNIX_TO_POSTGRES, USECS_PER_SEC,
							&time) ||
		!IS_VALID_TIMESTAMP(time))
		write_integer(context, column, dst, seconds);
	else if (context->columns[column].days &&
			 begins_day(context, time, &day))
		write_date(context, column, RDE_XLSX_DATE, dst, day);
	else
		write_instant(context, column, RDE_XLSX_TIME, dst, time);
}

static void
write_number(RdeFormatContext *context, char *dst, RdeXlsxStyle style,
			 const char *text, size_t len)
{
	dst = open_number(dst, context->state, style);
	memcpy(dst, text, len);
	dst = APPEND(dst + len, "</v></c>");
	rde_buffer_advance(&context->buffer, dst);
}

static void
write_decimal(RdeFormatContext *context, int column, char *dst,
			  const RdeValue *value)
{
	size_t		len = value->length;
	int			decimals;

	if (rde_xlsx_number_fits(value->text, &len, &decimals))
		write_number(context, dst, number_style(context, column, decimals),
					 value->text, len);
	else
	{
		context->text_numbers++;
		write_string(context, column, dst, value->text, value->length);
	}
}

/* A double already: its digits are not money's. */
static void
write_float(RdeFormatContext *context, int column, char *dst,
			const RdeValue *value)
{
	RdeXlsxStyle style = RDE_XLSX_GENERAL;
	size_t		len = value->length;
	int			decimals;

	if (memchr(value->text, 'e', len) == NULL)
	{
		(void) rde_xlsx_number_fits(value->text, &len, &decimals);
		style = number_style(context, column, decimals);
	}
	write_number(context, dst, style, value->text, value->length);
}

void
rde_xlsx_prepare_cells(RdeXlsxCells *cells, int ncolumns, const int *styles)
{
	cells->columns = palloc0(sizeof(RdeXlsxPiece) * (ncolumns + 1));
	for (int i = 0; i < ncolumns; i++)
	{
		RdeXlsxPiece *column = &cells->columns[i];
		char	   *dst = APPEND(column->text, "<c r=\"");

		column->length = rde_xlsx_write_column(dst, i) - column->text;
	}
	for (int i = 0; i < RDE_XLSX_STYLES; i++)
	{
		RdeXlsxPiece *number = &cells->numbers[i];

		number->length = i == RDE_XLSX_GENERAL ?
			snprintf(number->text, RDE_CELL_OPEN_MAX, "\"><v>") :
			snprintf(number->text, RDE_CELL_OPEN_MAX, "\" s=\"%d\"><v>",
					 styles[i]);
	}
	memcpy(cells->styles, styles, sizeof(cells->styles));
}

void
rde_xlsx_begin_row(RdeFormatContext *context, int64 row)
{
	RdeXlsxCells *cells = context->state;
	char	   *dst = rde_buffer_room(&context->buffer);

	cells->row.length = rde_write_int64(cells->row.text, row) -
		cells->row.text;
	dst = APPEND(dst, "<row r=\"");
	dst = put_piece(dst, &cells->row);
	dst = APPEND(dst, "\">");
	rde_buffer_advance(&context->buffer, dst);
}

void
rde_xlsx_write_header(RdeFormatContext *context)
{
	const RdeXlsxCells *cells = context->state;

	for (int i = 0; i < context->ncolumns; i++)
	{
		const char *title = rde_column_title(&context->columns[i]);
		char	   *dst = rde_buffer_room(&context->buffer);

		dst = open_cell(dst, cells, i);
		dst = APPEND(dst, "\" s=\"");
		dst = rde_write_int64(dst, cells->styles[RDE_XLSX_HEADER]);
		write_string(context, i, dst, title, strlen(title));
	}
}

void
rde_xlsx_write_values(RdeFormatContext *context, const RdeValue *values)
{
	const RdeXlsxCells *cells = context->state;
	RdeBuffer  *buffer = &context->buffer;
	char	   *dst;
	int			i;

	for (i = 0; i < context->ncolumns; i++)
	{
		const RdeValue *value = &values[i];

		if (value->shape == RDE_NULL)
			continue;
		dst = rde_buffer_room(buffer);
		dst = open_cell(dst, cells, i);
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
				write_float(context, i, dst, value);
				break;
			case RDE_DATE:
				write_date(context, i, RDE_XLSX_DATE, dst, value->u.date);
				break;
			case RDE_LOCAL_TIME:
				write_local_time(context, i, dst, value->u.time);
				break;
			case RDE_INSTANT:
				write_instant(context, i, RDE_XLSX_TIME, dst, value->u.time);
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
}

/* A cell of a summary, without a quote behind its place. */
static char *
begin_cell(RdeFormatContext *context, int column)
{
	return open_cell(rde_buffer_room(&context->buffer), context->state, column);
}

void
rde_xlsx_write_label(RdeFormatContext *context, int column,
					 RdeXlsxStyle style, const char *text, size_t len)
{
	const RdeXlsxCells *cells = context->state;
	char	   *dst = begin_cell(context, column);

	if (style != RDE_XLSX_GENERAL)
	{
		dst = APPEND(dst, "\" s=\"");
		dst = rde_write_int64(dst, cells->styles[style]);
	}
	write_cell_text(context, dst, text, len);
}

void
rde_xlsx_write_count(RdeFormatContext *context, int column,
					 RdeXlsxStyle style, int64 count)
{
	char		text[RDE_VALUE_TEXT_MAX];

	write_number(context, begin_cell(context, column), style, text,
				 rde_write_int64(text, count) - text);
}

void
rde_xlsx_write_sum(RdeFormatContext *context, int column, const char *sum,
				   const char *currency, size_t currency_length)
{
	size_t		len = strlen(sum);
	int			decimals;

	if (strspn(sum, "-.0123456789") == len &&
		rde_xlsx_number_fits(sum, &len, &decimals))
		write_number(context, begin_cell(context, column),
					 rde_xlsx_amount_style(decimals, currency,
										   currency_length), sum, len);
	else
		rde_xlsx_write_label(context, column, RDE_XLSX_RIGHT, sum,
							 strlen(sum));
}

void
rde_xlsx_write_day(RdeFormatContext *context, int column, DateADT day)
{
	write_date(context, column, RDE_XLSX_LEFT_DATE,
			   begin_cell(context, column), day);
}

void
rde_xlsx_write_instant(RdeFormatContext *context, int column,
					   TimestampTz time)
{
	write_instant(context, column, RDE_XLSX_LEFT_TIME,
				  begin_cell(context, column), time);
}
