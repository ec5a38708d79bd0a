/*
 * xlsx_summary.c
 *	  The sheet "Summary": what a report is, totals, rows and sums per status and
 *	  day, and where its charts find them.
 *
 * Invariant: nothing depends on when a report was built, so that the same rows
 * make the same file; every sum is exact, and text where a double is not.
 */
#include "format/xlsx_summary.h"

#include <math.h>

#include "bytes/utf8.h"
#include "common/sha2.h"
#include "format/value.h"
#include "format/xlsx_cell.h"
#include "format/xlsx_number.h"
#include "format/xlsx_words.h"
#include "utils/builtins.h"

#define LABEL_WIDTH		28
#define NUMBER_WIDTH	20

/* Bytes of text, of which a cell could hold more. */
#define MAX_TEXT		1000

/* Fewer days than this make no chart. */
#define CHART_DAYS		2

/* Columns of every table: what is counted, rows, and a sum for each currency. */
#define COUNTED			0
#define ROWS			1
#define FIRST_SUM		2

typedef struct Sheet
{
	RdeFormatContext *context;
	const RdeTally *tally;
	const char *const *words;
	int			row;			/* of the last one, from 1 */
	int			nsums;			/* currencies with amounts, in this order */
	int			sums[RDE_TALLY_CURRENCIES];
} Sheet;

static void
begin_row(Sheet *sheet)
{
	rde_xlsx_begin_row(sheet->context, ++sheet->row);
}

static void
end_row(Sheet *sheet)
{
	rde_buffer_append(&sheet->context->buffer, "</row>", 6);
}

static void
put_text(Sheet *sheet, int column, RdeXlsxStyle style, const char *text)
{
	rde_xlsx_write_label(sheet->context, column, style, text,
						 rde_piece(text, strlen(text), MAX_TEXT));
}

/* Facts: what the report is. */

static void
begin_fact(Sheet *sheet, RdeXlsxWord label)
{
	begin_row(sheet);
	put_text(sheet, COUNTED, RDE_XLSX_HEADER, sheet->words[label]);
}

static void
put_fact(Sheet *sheet, RdeXlsxWord label, const char *text)
{
	begin_fact(sheet, label);
	put_text(sheet, ROWS, RDE_XLSX_GENERAL, text);
	end_row(sheet);
}

static void
put_moment(Sheet *sheet, RdeXlsxWord label, TimestampTz time)
{
	begin_fact(sheet, label);
	rde_xlsx_write_instant(sheet->context, ROWS, time);
	end_row(sheet);
}

static void
put_digest(Sheet *sheet, uint64 bytes, const uint8 *sha256)
{
	char		text[2 * PG_SHA256_DIGEST_LENGTH + 1];

	text[hex_encode((const char *) sha256, PG_SHA256_DIGEST_LENGTH,
					text)] = '\0';
	put_fact(sheet, RDE_WORD_SHA256, text);
	put_fact(sheet, RDE_WORD_CHECK,
			 psprintf("head -c " UINT64_FORMAT " FILE | sha256sum", bytes));
}

static void
put_facts(Sheet *sheet, uint64 bytes, const uint8 *sha256)
{
	const RdeFormatContext *context = sheet->context;
	const RdeTally *tally = sheet->tally;
	int64		rows = tally->other_currencies;

	begin_row(sheet);
	put_text(sheet, COUNTED, RDE_XLSX_TITLE, context->report_name);
	end_row(sheet);
	sheet->row++;

	put_fact(sheet, RDE_WORD_DATASET, context->dataset);
	put_fact(sheet, RDE_WORD_VIEW, context->view);
	put_fact(sheet, RDE_WORD_RESELLER, context->has_reseller ?
			 psprintf(INT64_FORMAT, context->reseller) : sheet->words[RDE_WORD_ALL]);
	if (context->invoice)
		put_fact(sheet, RDE_WORD_INVOICE, context->invoice);
	else
	{
		put_moment(sheet, RDE_WORD_FROM, context->period_from);
		put_moment(sheet, RDE_WORD_TO, context->period_to);
	}
	put_fact(sheet, RDE_WORD_ZONE, pg_get_timezone_name(context->zone));
	for (int i = 0; i < tally->ncurrencies; i++)
		rows += tally->currencies[i].rows;
	begin_fact(sheet, RDE_WORD_ROWS);
	rde_xlsx_write_count(sheet->context, ROWS, RDE_XLSX_LEFT_COUNT, rows);
	end_row(sheet);
	put_digest(sheet, bytes, sha256);
}

/* Tables. */

static const char *
name_of(const Sheet *sheet, const RdeTallyLine *line)
{
	return line->name_length > 0 ? line->name : sheet->words[RDE_WORD_NONE];
}

/* A table's title and header, behind an empty row. */
static void
begin_table(Sheet *sheet, RdeXlsxWord title, const char *counted)
{
	sheet->row++;
	begin_row(sheet);
	put_text(sheet, COUNTED, RDE_XLSX_TITLE, sheet->words[title]);
	end_row(sheet);
	begin_row(sheet);
	put_text(sheet, COUNTED, RDE_XLSX_HEADER, counted);
	put_text(sheet, ROWS, RDE_XLSX_NUMBER_HEADER,
			 sheet->words[RDE_WORD_ROWS]);
}

static void
put_sum(Sheet *sheet, int column, RdeSum *sum,
		const RdeTallyLine *currency)
{
	char	   *digits;

	if (!sum->any)
		return;
	digits = DatumGetCString(DirectFunctionCall1(numeric_out,
												 NumericGetDatum(rde_sum_value(sum))));
	rde_xlsx_write_sum(sheet->context, column, digits, currency->name,
					   currency->name_length);
	pfree(digits);
}

/* What is behind the first cell of a line, and the end of its row. */
static void
end_line(Sheet *sheet, const RdeTallyLine *line)
{
	rde_xlsx_write_count(sheet->context, ROWS, RDE_XLSX_AMOUNT, line->rows);
	for (int i = 0; line->sums && i < sheet->nsums; i++)
		put_sum(sheet, FIRST_SUM + i, &line->sums[sheet->sums[i]],
				&sheet->tally->currencies[sheet->sums[i]]);
	end_row(sheet);
}

static void
put_named(Sheet *sheet, const char *name, const RdeTallyLine *line)
{
	begin_row(sheet);
	put_text(sheet, COUNTED, RDE_XLSX_GENERAL, name);
	end_line(sheet, line);
}

/* The header of a table with a sum for each currency. */
static void
begin_sums(Sheet *sheet, RdeXlsxWord title, const char *counted)
{
	begin_table(sheet, title, counted);
	for (int i = 0; i < sheet->nsums; i++)
	{
		const RdeTallyLine *currency =
		&sheet->tally->currencies[sheet->sums[i]];

		put_text(sheet, FIRST_SUM + i, RDE_XLSX_NUMBER_HEADER,
				 currency->name_length > 0 ? currency->name :
				 sheet->words[RDE_WORD_SUM]);
	}
	end_row(sheet);
}

static void
put_totals(Sheet *sheet)
{
	const RdeTally *tally = sheet->tally;

	begin_table(sheet, RDE_WORD_TOTALS, sheet->words[RDE_WORD_CURRENCY]);
	put_text(sheet, FIRST_SUM, RDE_XLSX_NUMBER_HEADER,
			 sheet->words[RDE_WORD_SUM]);
	end_row(sheet);
	for (int i = 0; i < tally->ncurrencies; i++)
	{
		int			number = tally->order[i];
		const RdeTallyLine *currency = &tally->currencies[number];

		begin_row(sheet);
		put_text(sheet, COUNTED, RDE_XLSX_GENERAL, name_of(sheet, currency));
		rde_xlsx_write_count(sheet->context, ROWS, RDE_XLSX_AMOUNT,
							 currency->rows);
		if (currency->sums)
			put_sum(sheet, FIRST_SUM, &currency->sums[number], currency);
		end_row(sheet);
	}
	if (tally->other_currencies > 0)
	{
		RdeTallyLine others = {.rows = tally->other_currencies};

		put_named(sheet, sheet->words[RDE_WORD_OTHERS_UNSUMMED], &others);
	}
}

static void
add_chart(RdeXlsxCharts *charts, const char *title, int first_row, int count,
		  int column, const double *values)
{
	RdeXlsxChart *chart = &charts->charts[charts->count++];

	chart->title = title;
	chart->first_row = first_row;
	chart->last_row = first_row + count - 1;
	chart->column = column;
	chart->values = values;
}

/* What charts show, for readers that do not calculate; doubles are all they hold. */

static double *
rows_of(const RdeTallyLine *lines, int count)
{
	double	   *numbers = palloc(sizeof(double) * count);

	for (int i = 0; i < count; i++)
		numbers[i] = lines[i].rows;
	return numbers;
}

/* Serial numbers of days. */
static double *
days_of(const RdeTally *tally)
{
	double	   *numbers = palloc(sizeof(double) * tally->ndays);

	for (int i = 0; i < tally->ndays; i++)
		numbers[i] = (double) tally->days[i].day + RDE_XLSX_EPOCH_DAY;
	return numbers;
}

static double *
sums_of(const RdeTallyLine *lines, int count, int currency)
{
	double	   *numbers = palloc0(sizeof(double) * count);

	for (int i = 0; i < count; i++)
	{
		double		number = 0;

		if (lines[i].sums && lines[i].sums[currency].any)
			number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
														NumericGetDatum(lines[i].sums[currency].value)));
		/* charts know no other */
		numbers[i] = isfinite(number) ? number : 0;
	}
	return numbers;
}

static void
put_statuses(Sheet *sheet, RdeXlsxCharts *charts)
{
	const RdeTally *tally = sheet->tally;
	int			first_row;

	if (tally->status_column < 0)
		return;
	begin_sums(sheet, RDE_WORD_PER_STATUS,
			   rde_column_title(&sheet->context->columns[tally->status_column]));
	first_row = sheet->row;
	for (int i = 0; i < tally->nstatuses; i++)
	{
		const RdeTallyLine *status = &tally->statuses[i];

		put_named(sheet, name_of(sheet, status), status);
	}
	if (tally->other_statuses.rows > 0)
		put_named(sheet, sheet->words[RDE_WORD_OTHERS],
				  &tally->other_statuses);
	if (tally->nstatuses > 0)
		add_chart(charts, sheet->words[RDE_WORD_ROWS_PER_STATUS], first_row,
				  tally->nstatuses, ROWS, rows_of(tally->statuses, tally->nstatuses));
}

/* What is called a day may be a month or a year. */
static const struct
{
	RdeXlsxWord counted;
	RdeXlsxWord title;
	RdeXlsxWord rows_title;
	RdeXlsxWord sums_title;
}			units[] =

{
	[RDE_TALLY_DAY] = {RDE_WORD_DAY, RDE_WORD_PER_DAY, RDE_WORD_ROWS_PER_DAY,
	RDE_WORD_SUM_PER_DAY},
	[RDE_TALLY_MONTH] = {RDE_WORD_MONTH, RDE_WORD_PER_MONTH,
	RDE_WORD_ROWS_PER_MONTH, RDE_WORD_SUM_PER_MONTH},
	[RDE_TALLY_YEAR] = {RDE_WORD_YEAR, RDE_WORD_PER_YEAR,
	RDE_WORD_ROWS_PER_YEAR, RDE_WORD_SUM_PER_YEAR}
};

static void
put_day(Sheet *sheet, const RdeTallyLine *line)
{
	char		text[RDE_VALUE_TEXT_MAX];

	begin_row(sheet);
	if (sheet->tally->unit == RDE_TALLY_DAY)
		rde_xlsx_write_day(sheet->context, COUNTED, line->day);
	else
	{
		/* 2020-03-01 is 2020-03 or 2020 */
		*rde_write_date(text, line->day) = '\0';
		*strrchr(text, '-') = '\0';
		if (sheet->tally->unit == RDE_TALLY_YEAR)
			*strrchr(text, '-') = '\0';
		put_text(sheet, COUNTED, RDE_XLSX_GENERAL, text);
	}
	end_line(sheet, line);
}

/* The title of a chart of sums, with what looks like the code of a currency. */
static const char *
sums_title(const Sheet *sheet, int currency)
{
	const RdeTallyLine *line = &sheet->tally->currencies[currency];
	const char *title = sheet->words[units[sheet->tally->unit].sums_title];

	return line->name_length == 3 &&
		strspn(line->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 ?
		psprintf("%s, %s", title, line->name) : title;
}

static void
add_day_charts(Sheet *sheet, RdeXlsxCharts *charts, int first_row)
{
	const RdeTally *tally = sheet->tally;
	int			first = charts->count;

	if (tally->ndays < CHART_DAYS)
		return;
	add_chart(charts, sheet->words[units[tally->unit].rows_title], first_row,
			  tally->ndays, ROWS, rows_of(tally->days, tally->ndays));
	/* one currency, as sums of several have no axis in common */
	if (sheet->nsums > 0)
		add_chart(charts, sums_title(sheet, sheet->sums[0]), first_row,
				  tally->ndays, FIRST_SUM,
				  sums_of(tally->days, tally->ndays, sheet->sums[0]));
	for (int i = first; i < charts->count && tally->unit == RDE_TALLY_DAY; i++)
	{
		charts->charts[i].number_format =
			rde_xlsx_number_format(RDE_XLSX_DATE);
		charts->charts[i].counted = days_of(tally);
	}
}

static void
put_days(Sheet *sheet, RdeXlsxCharts *charts)
{
	const RdeTally *tally = sheet->tally;
	int			first_row;

	begin_sums(sheet, units[tally->unit].title,
			   sheet->words[units[tally->unit].counted]);
	first_row = sheet->row;
	for (int i = 0; i < tally->ndays; i++)
		put_day(sheet, &tally->days[i]);
	if (tally->no_day.rows > 0)
		put_named(sheet, sheet->words[tally->ndays == 0 ? RDE_WORD_NONE :
									  RDE_WORD_OTHERS], &tally->no_day);
	add_day_charts(sheet, charts, first_row);
}

int
rde_xlsx_write_summary(RdeFormatContext *context, const RdeTally *tally,
					   uint64 bytes, const uint8 *sha256,
					   RdeXlsxCharts *charts, int *widths)
{
	Sheet		sheet = {.context = context,.tally = tally,
	.words = rde_xlsx_words(context->options->locale)};
	int64		replaced = context->replaced_characters;
	int			ncolumns;

	for (int i = 0; i < tally->ncurrencies; i++)
	{
		int			number = tally->order[i];

		if (tally->currencies[number].sums)
			sheet.sums[sheet.nsums++] = number;
	}
	ncolumns = FIRST_SUM + Max(sheet.nsums, 1);
	put_facts(&sheet, bytes, sha256);
	charts->row = sheet.row + 1;
	charts->column = ncolumns + 1;
	put_totals(&sheet);
	put_statuses(&sheet, charts);
	put_days(&sheet, charts);
	/* what is replaced here was counted where the rows have it */
	context->replaced_characters = replaced;

	for (int i = 0; i < ncolumns; i++)
		widths[i] = i == COUNTED ? LABEL_WIDTH : NUMBER_WIDTH;
	return ncolumns;
}
