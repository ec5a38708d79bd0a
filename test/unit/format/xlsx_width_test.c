/*
 * xlsx_width_test.c
 *	  Columns are as wide as what was seen in them, their titles and what may come.
 */
#include "unit/server.h"

#include "format/xlsx_width.h"
#include "lib/stringinfo.h"

static void
is(int got, int expected, const char *name)
{
	if (got != expected)
		fprintf(tap, "# %d instead of %d\n", got, expected);
	ok(got == expected, name);
}

static RdeValue
text_value(RdeShape shape, const char *text)
{
	return (RdeValue) {.shape = shape,.text = text,.length = strlen(text)};
}

/* What a column has seen when one value came by. */
static int
seen(const RdeColumn *column, RdeValue value)
{
	int			widest = 0;

	rde_xlsx_see(&widest, column, 1, &value);
	return widest;
}

static void
test_text(void)
{
	char		long_text[100];

	memset(long_text, 'x', sizeof(long_text));
	is(rde_xlsx_text_width("", 0), 0, "no text");
	is(rde_xlsx_text_width("Lübeck", strlen("Lübeck")), 6, "characters, not bytes");
	is(rde_xlsx_text_width("株式会社", strlen("株式会社")), 8, "wide characters");
	is(rde_xlsx_text_width("😀", strlen("😀")), 2, "a character of four bytes");
	is(rde_xlsx_text_width(long_text, 47), 47, "not yet too long");
	is(rde_xlsx_text_width(long_text, sizeof(long_text)), 48, "long text");
	is(rde_xlsx_text_width("株株株株株株株株株株株株株株株株株株株株株株株株株", 75), 48,
	   "long text of wide characters");
}

static void
test_values(void)
{
	RdeColumn	plain = {.name = "n"};
	RdeColumn	amount = {.name = "n",.amount = true};
	int			widest[2] = {3, 3};
	RdeColumn	columns[2] = {plain, plain};
	RdeValue	row[2] = {text_value(RDE_TEXT, "12"), text_value(RDE_TEXT, "1234")};

	is(seen(&plain, (RdeValue) {.shape = RDE_NULL}), 0, "nothing");
	is(seen(&plain, (RdeValue) {.shape = RDE_BOOL}), 5, "false is longer than true");
	is(seen(&plain, (RdeValue) {.shape = RDE_INTEGER,.u.integer = 0}), 1, "zero");
	is(seen(&plain, (RdeValue) {.shape = RDE_INTEGER,.u.integer = -1000}), 5, "a sign");
	is(seen(&plain, (RdeValue) {.shape = RDE_INTEGER,.u.integer = PG_INT64_MIN}), 20,
	   "the longest integer");
	is(seen(&amount, (RdeValue) {.shape = RDE_INTEGER,.u.integer = 1000000}), 14,
	   "an integer of money: thousands are grouped, decimals are shown");
	is(seen(&plain, text_value(RDE_DECIMAL, "22.50000000")), 4, "trailing zeros go");
	is(seen(&amount, text_value(RDE_DECIMAL, "1234567.50000000")), 15, "money");
	is(seen(&plain, text_value(RDE_DECIMAL, "12345678901234567890")), 20,
	   "a number that is text");
	is(seen(&plain, text_value(RDE_FLOAT, "1.5e+300")), 8, "a float");
	is(seen(&plain, text_value(RDE_NOT_A_NUMBER, "-Infinity")), 9, "infinity");
	is(seen(&plain, (RdeValue) {.shape = RDE_DATE}), 10, "a day");
	is(seen(&plain, (RdeValue) {.shape = RDE_INSTANT}), 19, "an instant");
	is(seen(&plain, (RdeValue) {.shape = RDE_LOCAL_TIME}), 19, "a time");
	is(seen(&plain, (RdeValue) {.shape = RDE_UNIX}), 19, "Unix seconds");
	is(seen(&plain, text_value(RDE_JSON, "[1, 2]")), 6, "JSON");
	rde_xlsx_see(widest, columns, 2, row);
	ok(widest[0] == 3 && widest[1] == 4, "the widest value counts");
}

static void
test_columns(void)
{
	RdeColumn	text = {.name = "reference",.shape = RDE_TEXT};
	RdeColumn	labelled = {.name = "r",.label = "Bezeichnung",.shape = RDE_TEXT};
	RdeColumn	number = {.name = "n",.shape = RDE_DECIMAL};
	RdeColumn	amount = {.name = "n",.shape = RDE_DECIMAL,.amount = true};
	RdeColumn	day = {.name = "d",.shape = RDE_DATE};

	is(rde_xlsx_column_width(&text, 3, false), 12, "a title and its button");
	is(rde_xlsx_column_width(&labelled, 3, false), 14, "a label is the title");
	is(rde_xlsx_column_width(&text, 30, false), 32, "values and their margin");
	is(rde_xlsx_column_width(&text, 48, true), 48, "never wider");
	is(rde_xlsx_column_width(&number, 1, false), 6, "never narrower");
	is(rde_xlsx_column_width(&number, 1, true), 19, "numbers that may come");
	is(rde_xlsx_column_width(&amount, 1, true), 22, "money that may come");
	is(rde_xlsx_column_width(&day, 0, true), 12, "days that may come");
	is(rde_xlsx_column_width(&number, 30, true), 32, "more was seen than may come");
}

static void
test_xml(void)
{
	StringInfoData xml;
	const int	widths[] = {6, 48};

	initStringInfo(&xml);
	rde_xlsx_append_widths(&xml, widths, 0);
	ok(xml.len == 0, "no columns, no element");
	rde_xlsx_append_widths(&xml, widths, 2);
	ok(strcmp(xml.data,
			  "<cols><col min=\"1\" max=\"1\" width=\"6.7109375\" customWidth=\"1\"/>"
			  "<col min=\"2\" max=\"2\" width=\"48.7109375\" customWidth=\"1\"/></cols>") == 0,
	   "widths as a spreadsheet has them");
}

static void
unit(void)
{
	test_text();
	test_values();
	test_columns();
	test_xml();
}
