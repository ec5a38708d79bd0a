/*
 * xlsx_width.c
 *	  How wide a sheet's columns are: as wide as what was seen in them.
 *
 * Invariant: a number or a time that was seen fits its column.
 */
#include "format/xlsx_width.h"

#include "bytes/utf8.h"
#include "format/xlsx_number.h"

/* What text and JSON beyond it may be cut off, where the next cell is taken. */
#define MAX_WIDTH		48
#define MIN_WIDTH		6

/* White space beside a cell's value, and the title's button of the filter. */
#define MARGIN			2
#define FILTER_BUTTON	3

/* Numbers that were not seen. */
#define NUMBER_WIDTH	17
#define AMOUNT_WIDTH	20

int
rde_xlsx_text_width(const char *text, size_t len)
{
	int			width = 0;

	for (size_t i = 0; i < len && width < MAX_WIDTH; i++)
	{
		/* from U+3000 on most characters are as wide as two */
		if (!rde_utf8_continues(text[i]))
			width += (unsigned char) text[i] >= 0xE3 ? 2 : 1;
	}
	return Min(width, MAX_WIDTH);
}

static int
digits_of(int64 integer)
{
	int			digits = integer < 0 ? 2 : 1;

	while ((integer /= 10) != 0)
		digits++;
	return digits;
}

/* With its thousands grouped, and as many decimals as any currency has. */
static int
amount_width(int whole, int decimals)
{
	return whole * 4 / 3 + 1 + Max(decimals, 4);
}

static int
number_width(const RdeColumn *column, const RdeValue *value)
{
	size_t		len = value->length;
	int			decimals;

	/* zeros behind an exponent are no decimals */
	if (memchr(value->text, 'e', len) != NULL)
		return Min(len, MAX_WIDTH);
	if (rde_xlsx_number_fits(value->text, &len, &decimals) && column->amount)
		return amount_width(len - decimals, decimals);
	return Min(len, MAX_WIDTH);
}

/* A day, or a day and a time, as they are shown; 0 for what is neither. */
static int
moment_width(RdeShape shape)
{
	switch (shape)
	{
		case RDE_DATE:
			return 10;
		case RDE_LOCAL_TIME:
		case RDE_INSTANT:
		case RDE_UNIX:
			return 19;
		default:
			return 0;
	}
}

static int
value_width(const RdeColumn *column, const RdeValue *value)
{
	switch (value->shape)
	{
		case RDE_NULL:
			return 0;
		case RDE_BOOL:
			return 5;
		case RDE_INTEGER:
			return column->amount ?
				amount_width(digits_of(value->u.integer), 0) :
				digits_of(value->u.integer);
		case RDE_DECIMAL:
		case RDE_FLOAT:
			return number_width(column, value);
		case RDE_DATE:
		case RDE_LOCAL_TIME:
		case RDE_INSTANT:
		case RDE_UNIX:
			return moment_width(value->shape);
		default:
			return rde_xlsx_text_width(value->text, value->length);
	}
}

void
rde_xlsx_see(int *seen, const RdeColumn *columns, int ncolumns,
			 const RdeValue *values)
{
	for (int i = 0; i < ncolumns; i++)
		seen[i] = Max(seen[i], value_width(&columns[i], &values[i]));
}

/* What a column of a kind may well hold. */
static int
ordinary_width(const RdeColumn *column)
{
	switch (column->shape)
	{
		case RDE_INTEGER:
		case RDE_DECIMAL:
		case RDE_FLOAT:
			return column->amount ? AMOUNT_WIDTH : NUMBER_WIDTH;
		default:
			return moment_width(column->shape);
	}
}

int
rde_xlsx_column_width(const RdeColumn *column, int seen, bool more_rows)
{
	const char *text = rde_column_title(column);
	int			title = rde_xlsx_text_width(text, strlen(text));

	if (more_rows)
		seen = Max(seen, ordinary_width(column));
	return Max(MIN_WIDTH, Min(MAX_WIDTH, Max(seen + MARGIN,
											 title + FILTER_BUTTON)));
}

void
rde_xlsx_append_widths(StringInfo xml, const int *widths, int ncolumns)
{
	if (ncolumns == 0)
		return;
	appendStringInfoString(xml, "<cols>");
	for (int i = 0; i < ncolumns; i++)
	{
		/* in digits of seven pixels, with five beside them; cut to 1/256 */
		int			parts = (widths[i] * 7 + 5) * 256 / 7;

		appendStringInfo(xml, "<col min=\"%d\" max=\"%d\" width=\"%.7f\""
						 " customWidth=\"1\"/>", i + 1, i + 1, parts / 256.0);
	}
	appendStringInfoString(xml, "</cols>");
}
