/*
 * tally_test.c
 *	  Rows and sums per currency, status and day, and what becomes of too many.
 */
#include "unit/server.h"

#include "format/tally.h"
#include "pgtime.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"

/* Days from PostgreSQL's first one on. */
#define JUNE_1		((DateADT) 9283)	/* 2025-06-01 */

typedef struct Rows
{
	RdeColumn	columns[2];
	RdeFormatContext context;
	RdeTally   *tally;
} Rows;

static void
begin(Rows *rows, const char *status)
{
	memset(rows, 0, sizeof(*rows));
	rows->columns[0].name = "id";
	rows->columns[0].shape = RDE_INTEGER;
	rows->columns[1].name = status;
	rows->columns[1].shape = RDE_TEXT;
	rows->context.columns = rows->columns;
	rows->context.ncolumns = 2;
	rows->context.zone = pg_tzset("Europe/Berlin");
	rows->tally = rde_tally_create(&rows->context);
}

static Numeric
numeric_of(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static void
add(Rows *rows, RdeValue period, const char *status, const char *currency,
	const char *amount)
{
	RdeValue	values[2] = {{.shape = RDE_INTEGER}, {.shape = RDE_NULL}};

	if (status)
	{
		values[1].shape = RDE_TEXT;
		values[1].text = status;
		values[1].length = strlen(status);
	}
	rows->context.currency = currency;
	rows->context.currency_length = currency ? strlen(currency) : 0;
	rows->context.amount = amount ? numeric_of(amount) : NULL;
	rows->context.period = &period;
	rde_tally_add(rows->tally, &rows->context, values);
}

static RdeValue
day(DateADT date)
{
	RdeValue	value = {.shape = RDE_DATE,.u.date = date};

	return value;
}

static RdeValue
instant(int64 hours)
{
	RdeValue	value = {.shape = RDE_INSTANT,.u.time = hours * USECS_PER_HOUR};

	return value;
}

/* Has a line these rows, and of a currency this sum? */
static bool
holds(const RdeTallyLine *line, int64 rows, int currency, const char *sum)
{
	Numeric		value = line->sums ? rde_sum_value(&line->sums[currency]) : NULL;
	const char *text = value == NULL ? "" :
	DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value)));

	if (line->rows != rows || strcmp(text, sum) != 0)
		fprintf(tap, "# %d rows, sum \"%s\"\n", (int) line->rows, text);
	return line->rows == rows && strcmp(text, sum) == 0;
}

static void
test_sums(void)
{
	Rows		rows;
	RdeTally   *tally;

	begin(&rows, "subscriptionSTATUS");
	tally = rows.tally;
	ok(tally->status_column == 1, "a column whose name ends with status");
	add(&rows, day(JUNE_1), "Active", "EUR", "1.50");
	add(&rows, day(JUNE_1), "Active", "EUR", "2.25000000");
	add(&rows, day(JUNE_1), "Expired", "USD", "10");
	add(&rows, day(JUNE_1), NULL, NULL, "7");
	add(&rows, day(JUNE_1 + 2), "Active", "USD", "-3");
	add(&rows, day(JUNE_1 + 2), "Active", "EUR", NULL);
	rde_tally_finish(tally);

	ok(tally->ncurrencies == 3 && tally->nstatuses == 3 && tally->ndays == 2,
	   "as many as there were");
	ok(strcmp(tally->currencies[0].name, "EUR") == 0 &&
	   holds(&tally->currencies[0], 3, 0, "3.75000000"), "a currency");
	ok(holds(&tally->currencies[1], 2, 1, "7"), "another one");
	ok(tally->currencies[2].name_length == 0 &&
	   holds(&tally->currencies[2], 1, 2, "7"), "none");
	ok(tally->order[0] == 0 && tally->order[1] == 1 && tally->order[2] == 2,
	   "that with most rows first");
	ok(strcmp(tally->statuses[0].name, "Active") == 0 &&
	   holds(&tally->statuses[0], 4, 0, "3.75000000") &&
	   holds(&tally->statuses[0], 4, 1, "-3"), "a status");
	ok(tally->statuses[1].name_length == 0 &&
	   strcmp(tally->statuses[2].name, "Expired") == 0, "equal ones by name");
	ok(tally->unit == RDE_TALLY_DAY && tally->days[0].day == JUNE_1 &&
	   tally->days[1].day == JUNE_1 + 2, "days with rows");
	ok(holds(&tally->days[0], 4, 1, "10") && holds(&tally->days[1], 2, 1, "-3") &&
	   holds(&tally->days[1], 2, 0, ""), "their sums");
}

/* A clock that is set back, and what is no day. */
static void
test_days(void)
{
	static const RdeValue others[] = {
		{.shape = RDE_UNIX,.u.integer = INT64CONST(1761606000)},
		{.shape = RDE_NULL},
		{.shape = RDE_TEXT,.text = "infinity",.length = 8},
		{.shape = RDE_UNIX,.u.integer = PG_INT64_MAX},
		{.shape = RDE_UNIX,.u.integer = PG_INT64_MIN}
	};
	Rows		rows;
	RdeTally   *tally;

	begin(&rows, "note");
	tally = rows.tally;
	ok(tally->status_column == -1, "no status");

	/*
	 * 2025-10-26 has 25 hours in Berlin: from 22:00 to 23:00 UTC of the next
	 * day
	 */
	add(&rows, instant((JUNE_1 + 146) * 24 + 21), NULL, NULL, NULL);
	add(&rows, instant((JUNE_1 + 146) * 24 + 22), NULL, NULL, NULL);
	add(&rows, instant((JUNE_1 + 147) * 24 + 22), NULL, NULL, NULL);
	add(&rows, instant((JUNE_1 + 147) * 24 + 23), NULL, NULL, NULL);
	for (int i = 0; i < lengthof(others); i++)
		add(&rows, others[i], NULL, NULL, NULL);
	rde_tally_finish(tally);

	ok(tally->ndays == 4, "days of the report's zone");
	ok(tally->days[0].day == JUNE_1 + 146 && tally->days[0].rows == 1 &&
	   tally->days[1].day == JUNE_1 + 147 && tally->days[1].rows == 2 &&
	   tally->days[2].day == JUNE_1 + 148 && tally->days[2].rows == 1 &&
	   tally->days[3].day == JUNE_1 + 149 && tally->days[3].rows == 1,
	   "one of 25 hours");
	ok(tally->no_day.rows == 4, "rows without a day");
	ok(tally->currencies[0].rows == 9, "all rows");
}

static void
test_too_many_days(void)
{
	Rows		rows;
	RdeTally   *tally;

	begin(&rows, "status");
	tally = rows.tally;
	for (int i = 0; i <= RDE_TALLY_DAYS; i++)
		add(&rows, day(JUNE_1 + i), "Active", "EUR", "0.5");
	rde_tally_finish(tally);
	/* 30 days of June 2025 to 26 of February 2028 */
	ok(tally->unit == RDE_TALLY_MONTH && tally->ndays == 33, "days become months");
	ok(tally->days[0].day == JUNE_1 && holds(&tally->days[0], 30, 0, "15.0") &&
	   tally->days[1].day == JUNE_1 + 30 && holds(&tally->days[1], 31, 0, "15.5"),
	   "with their sums");
	ok(tally->days[33].rows == 0 && holds(&tally->currencies[0], 1001, 0, "500.5"),
	   "and no row twice");

	begin(&rows, "status");
	tally = rows.tally;
	for (int i = 0; i <= RDE_TALLY_DAYS; i++)
		add(&rows, day(i * 31), "Active", "EUR", "1");
	rde_tally_finish(tally);
	/* 2000 to 2084: 1,001 times 31 days are 84 years and 352 days */
	ok(tally->unit == RDE_TALLY_YEAR && tally->ndays == 85, "months become years");
	ok(tally->days[0].day == 0 && holds(&tally->days[0], 12, 0, "12"),
	   "with their sums, too");

	begin(&rows, "status");
	tally = rows.tally;
	for (int i = 0; i <= RDE_TALLY_DAYS; i++)
		add(&rows, day(i * 366), "Active", "EUR", "1");
	rde_tally_finish(tally);
	ok(tally->ndays == RDE_TALLY_DAYS && tally->no_day.rows >= 1, "there are not more");
	ok(holds(&tally->currencies[0], 1001, 0, "1001"), "and no row is lost");
}

static void
test_too_many_names(void)
{
	Rows		rows;
	RdeTally   *tally;
	char		name[RDE_TALLY_NAME_MAX + 2];
	int64		total = 0;

	begin(&rows, "status");
	tally = rows.tally;
	for (int i = 0; i < 100; i++)
	{
		snprintf(name, sizeof(name), "%03d", i);
		add(&rows, day(JUNE_1), name, name, "1");
	}
	memset(name, 'x', sizeof(name));
	name[RDE_TALLY_NAME_MAX + 1] = '\0';
	add(&rows, day(JUNE_1), name, "000", "1");
	rde_tally_finish(tally);
	ok(tally->ncurrencies == RDE_TALLY_CURRENCIES && tally->other_currencies == 40,
	   "currencies beyond the last are counted together");
	ok(tally->nstatuses == RDE_TALLY_STATUSES && tally->other_statuses.rows == 51,
	   "so are statuses");
	ok(holds(&tally->other_statuses, 51, 0, "1") &&
	   holds(&tally->other_statuses, 51, 59, "1"), "whose sums are known");
	for (int i = 0; i < tally->ncurrencies; i++)
		total += tally->currencies[i].rows;
	ok(total + tally->other_currencies == 101 && tally->days[0].rows == 101,
	   "every row is counted once");
}

/* Lines, their rows and all their sums, as text. */
static void
describe(StringInfo text, const char *what, const RdeTallyLine *line)
{
	appendStringInfo(text, "%s %.*s %d %d:", what, (int) line->name_length,
					 line->name ? line->name : "", (int) line->day, (int) line->rows);
	for (int i = 0; line->sums && i < RDE_TALLY_CURRENCIES; i++)
	{
		Numeric		sum = rde_sum_value(&line->sums[i]);

		if (sum)
			appendStringInfo(text, " %d=%s", i,
							 DatumGetCString(DirectFunctionCall1(numeric_out,
																 NumericGetDatum(sum))));
	}
	appendStringInfoChar(text, '\n');
}

static char *
description(RdeTally *tally)
{
	StringInfoData text;

	initStringInfo(&text);
	rde_tally_finish(tally);
	appendStringInfo(&text, "unit %d, other currencies %d\n", tally->unit,
					 (int) tally->other_currencies);
	for (int i = 0; i < tally->ncurrencies; i++)
		describe(&text, "currency", &tally->currencies[tally->order[i]]);
	for (int i = 0; i < tally->nstatuses; i++)
		describe(&text, "status", &tally->statuses[i]);
	for (int i = 0; i < tally->ndays; i++)
		describe(&text, "day", &tally->days[i]);
	describe(&text, "other statuses", &tally->other_statuses);
	describe(&text, "no day", &tally->no_day);
	return text.data;
}

/* Any row, of days that follow each other and of none at the end, twice. */
static void
add_any(Rows *rows, Rows *same, int i, int count, int names)
{
	static const RdeValue none = {.shape = RDE_NULL};
	const char *status = random_below(9) == 0 ? NULL : psprintf("s%u", random_below(names));
	const char *currency = random_below(9) == 0 ? NULL : psprintf("c%u", random_below(names));
	const char *amount = random_below(5) == 0 ? NULL : psprintf("%u.%0*u", random_below(1000),
																1 + (int) random_below(3), random_below(10));
	RdeValue	period = i < count - 3 ? day(JUNE_1 + i / 3) : none;

	add(rows, period, status, currency, amount);
	add(same, period, status, currency, amount);
}

/* Rows in parts, wherever these begin: added up as if there were none. */
static bool
same_in_parts(int count, int names, const char *status)
{
	Rows		whole;
	Rows		joined;
	bool		listed = true;

	begin(&whole, status);
	begin(&joined, status);
	for (int i = 0; i < count;)
	{
		Rows		part;
		StringInfoData put;

		begin(&part, status);
		rde_tally_list(part.tally);
		for (int left = 1 + (int) random_below(50); left > 0 && i < count; left--)
			add_any(&whole, &part, i++, count, names);
		initStringInfo(&put);
		listed = rde_tally_put(part.tally, &put) && listed;
		rde_tally_merge(joined.tally, put.data);
	}
	return listed && strcmp(description(whole.tally), description(joined.tally)) == 0;
}

static void
test_parts(void)
{
	bool		same = true;

	for (int round = 0; round < 60; round++)
		same = same_in_parts(1 + (int) random_below(round % 4 == 0 ? 3500 : 60),
							 round % 3 == 0 ? 1 : 20,
							 round % 5 == 0 ? "note" : "status") && same;
	ok(same, "rows in parts are added up as if there were none");
	ok(same_in_parts(2000, 80, "status"), "also if more come than have lines of their own");
}

/* Who has a part does not know which of many names are among the first of all. */
static void
test_part_with_too_many_names(void)
{
	Rows		rows;
	StringInfoData put;

	initStringInfo(&put);
	begin(&rows, "status");
	rde_tally_list(rows.tally);
	for (int i = 0; i < RDE_TALLY_STATUSES; i++)
		add(&rows, day(JUNE_1), psprintf("%d", i), "EUR", "1");
	ok(rde_tally_put(rows.tally, &put), "as many as have a line of their own");
	begin(&rows, "status");
	rde_tally_list(rows.tally);
	for (int i = 0; i <= RDE_TALLY_STATUSES; i++)
		add(&rows, day(JUNE_1), psprintf("%d", i), "EUR", "1");
	ok(!rde_tally_put(rows.tally, &put), "one more status");
	begin(&rows, "status");
	rde_tally_list(rows.tally);
	for (int i = 0; i <= RDE_TALLY_CURRENCIES; i++)
		add(&rows, day(JUNE_1), "Active", psprintf("%d", i), "1");
	ok(!rde_tally_put(rows.tally, &put), "one more currency");
}

static void
unit(void)
{
	test_sums();
	test_days();
	test_too_many_days();
	test_too_many_names();
	test_parts();
	test_part_with_too_many_names();
}
