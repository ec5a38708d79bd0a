/*
 * tally.c
 *	  Rows and sums per currency, status and day, gathered while rows stream by.
 *
 * Rows come ordered by their period column, so only one day is open at a time.
 * A row is added to one cell of it, that of its status and currency; when the day
 * ends its cells are added to whatever they belong to.
 */
#include "format/tally.h"

#include "core/pack.h"
#include "format/period_day.h"
#include "utils/datetime.h"

/* Cells of a day: the last of a row and of a column is for all others. */
#define COLUMNS	(RDE_TALLY_CURRENCIES + 1)
#define CELLS	((RDE_TALLY_STATUSES + 1) * COLUMNS)

typedef struct Cell
{
	int64		rows;
	RdeSum		sum;
} Cell;

/* The longest list of a part. */
#define LIST_MAX		(16 * 1024 * 1024)

typedef struct TallyWork
{
	MemoryContext context;
	StringInfo	list;			/* of a part, else NULL */
	bool		listed;			/* all is in it */
	int			last_currency;	/* of the row before */
	int			last_status;
	RdeDays		days;

	/* the open day */
	bool		has_day;		/* rows without one are a day of their own */
	DateADT		day;
	int			nused;
	int			used[CELLS];
	Cell		cells[CELLS];
} TallyWork;

static int
find_status_column(const RdeFormatContext *context)
{
	static const char word[] = "status";

	for (int i = 0; i < context->ncolumns; i++)
	{
		const RdeColumn *column = &context->columns[i];
		size_t		len = strlen(column->name);

		if (column->shape == RDE_TEXT && len >= strlen(word) &&
			pg_strcasecmp(column->name + len - strlen(word), word) == 0)
			return i;
	}
	return -1;
}

RdeTally *
rde_tally_create(const RdeFormatContext *context)
{
	RdeTally   *tally = palloc0(sizeof(RdeTally));

	tally->status_column = find_status_column(context);
	tally->work = palloc0(sizeof(TallyWork));
	tally->work->context = CurrentMemoryContext;
	tally->work->days.zone = context->zone;
	return tally;
}

static inline bool
is_called(const RdeTallyLine *line, const char *name, size_t len)
{
	return line->name_length == len && memcmp(line->name, name, len) == 0;
}

/* The line of a name, made if there is room; max for all others. */
static int
find_line(RdeTallyLine *lines, int *count, int max, int last,
		  const char *name, size_t len, MemoryContext context)
{
	char	   *copy;

	if (last < *count && is_called(&lines[last], name, len))
		return last;
	for (int i = 0; i < *count; i++)
	{
		if (is_called(&lines[i], name, len))
			return i;
	}
	if (*count == max || len > RDE_TALLY_NAME_MAX)
		return max;
	copy = MemoryContextAllocZero(context, len + 1);
	memcpy(copy, name, len);
	lines[*count].name = copy;
	lines[*count].name_length = len;
	return (*count)++;
}

static int
find_currency(RdeTally *tally, const char *name, size_t len)
{
	TallyWork  *work = tally->work;

	work->last_currency = find_line(tally->currencies, &tally->ncurrencies,
									RDE_TALLY_CURRENCIES,
									work->last_currency, name, len,
									work->context);
	return work->last_currency;
}

static int
currency_of(RdeTally *tally, const RdeFormatContext *context)
{
	const char *name = "";
	size_t		len = 0;

	if (context->currency)
		name = rde_text_to_utf8(context->currency, context->currency_length,
								&len);
	return find_currency(tally, name, len);
}

static int
find_status(RdeTally *tally, const char *name, size_t len)
{
	TallyWork  *work = tally->work;

	work->last_status = find_line(tally->statuses, &tally->nstatuses,
								  RDE_TALLY_STATUSES, work->last_status,
								  name, len, work->context);
	return work->last_status;
}

static int
status_of(RdeTally *tally, const RdeValue *values)
{
	const RdeValue *value;

	if (tally->status_column < 0)
		return 0;
	value = &values[tally->status_column];
	if (value->shape == RDE_NULL)
		return find_status(tally, "", 0);
	return find_status(tally, value->text, value->length);
}

static DateADT
first_of(RdeTallyUnit unit, DateADT day)
{
	int			year,
				month,
				month_day;

	if (unit == RDE_TALLY_DAY)
		return day;
	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &month_day);
	return date2j(year, unit == RDE_TALLY_MONTH ? month : 1, 1) -
		POSTGRES_EPOCH_JDATE;
}

static void
add_sum(TallyWork *work, RdeTallyLine *line, int currency, Numeric amount)
{
	if (line->sums == NULL)
		line->sums = MemoryContextAllocZero(work->context,
											sizeof(RdeSum) *
											RDE_TALLY_CURRENCIES);
	rde_sum_add(&line->sums[currency], amount, work->context);
}

static void
add_line(TallyWork *work, RdeTallyLine *line, const RdeTallyLine *other)
{
	line->rows += other->rows;
	for (int i = 0; other->sums && i < RDE_TALLY_CURRENCIES; i++)
	{
		if (other->sums[i].any)
			add_sum(work, line, i, rde_sum_value(&other->sums[i]));
	}
}

/* Too many days are months, too many months years. */
static void
make_coarser(RdeTally *tally)
{
	RdeTallyLine *last = NULL;
	int			count = tally->ndays;

	tally->unit++;
	tally->ndays = 0;
	for (int i = 0; i < count; i++)
	{
		RdeTallyLine line = tally->days[i];

		line.day = first_of(tally->unit, line.day);
		if (last && last->day == line.day)
			add_line(tally->work, last, &line);
		else
		{
			last = &tally->days[tally->ndays++];
			*last = line;
		}
	}
	memset(&tally->days[tally->ndays], 0,
		   sizeof(RdeTallyLine) * (count - tally->ndays));
}

/* The line of the open day. */
static RdeTallyLine *
day_line(RdeTally *tally)
{
	TallyWork  *work = tally->work;
	DateADT		day;

	if (!work->has_day)
		return &tally->no_day;
	for (;;)
	{
		day = first_of(tally->unit, work->day);
		if (tally->ndays > 0 && tally->days[tally->ndays - 1].day == day)
			return &tally->days[tally->ndays - 1];
		if (tally->ndays < RDE_TALLY_DAYS)
			break;
		if (tally->unit == RDE_TALLY_YEAR)
			return &tally->no_day;
		make_coarser(tally);
	}
	tally->days[tally->ndays].day = day;
	return &tally->days[tally->ndays++];
}

/* What one cell of the open day has is added to all it belongs to. */
static void
add_up(RdeTally *tally, int number, Cell *cell)
{
	TallyWork  *work = tally->work;
	RdeTallyLine *day = day_line(tally);
	int			currency = number % COLUMNS;
	int			place = number / COLUMNS;
	RdeTallyLine *status = place < RDE_TALLY_STATUSES ?
	&tally->statuses[place] : &tally->other_statuses;

	day->rows += cell->rows;
	status->rows += cell->rows;
	if (currency < RDE_TALLY_CURRENCIES)
		tally->currencies[currency].rows += cell->rows;
	else
		tally->other_currencies += cell->rows;
	if (cell->sum.any)
	{
		Numeric		sum = rde_sum_value(&cell->sum);

		add_sum(work, day, currency, sum);
		add_sum(work, status, currency, sum);
		add_sum(work, &tally->currencies[currency], currency, sum);
	}
}

static void
put_name(StringInfo to, const RdeTallyLine *line)
{
	rde_pack(to, &line->name_length, sizeof(size_t));
	rde_pack(to, line->name, line->name_length);
}

/* Or is added to the list, from which get_cell() has it. */
static void
put_cell(RdeTally *tally, int number, Cell *cell)
{
	StringInfo	list = tally->work->list;
	int			currency = number % COLUMNS;
	int			status = number / COLUMNS;

	if (currency == RDE_TALLY_CURRENCIES || status == RDE_TALLY_STATUSES ||
		list->len > LIST_MAX)
	{
		tally->work->listed = false;
		return;
	}
	rde_pack(list, &tally->work->has_day, sizeof(bool));
	rde_pack(list, &tally->work->day, sizeof(DateADT));
	put_name(list, &tally->statuses[status]);
	put_name(list, &tally->currencies[currency]);
	rde_pack(list, &cell->rows, sizeof(int64));
	rde_pack_numeric(list, rde_sum_value(&cell->sum));
}

static void
end_day(RdeTally *tally)
{
	TallyWork  *work = tally->work;

	for (int i = 0; i < work->nused; i++)
	{
		int			number = work->used[i];
		Cell	   *cell = &work->cells[number];

		if (work->list)
			put_cell(tally, number, cell);
		else
			add_up(tally, number, cell);
		cell->rows = 0;
		rde_sum_reset(&cell->sum);
	}
	work->nused = 0;
}

static void
turn_to_day(RdeTally *tally, bool has_day, DateADT day)
{
	TallyWork  *work = tally->work;

	if (has_day == work->has_day && day == work->day)
		return;
	end_day(tally);
	work->has_day = has_day;
	work->day = day;
}

static void
add_to_cell(TallyWork *work, int status, int currency, int64 rows,
			Numeric amount)
{
	int			number = status * COLUMNS + currency;
	Cell	   *cell = &work->cells[number];

	if (cell->rows == 0)
		work->used[work->nused++] = number;
	cell->rows += rows;
	if (amount && currency < RDE_TALLY_CURRENCIES)
		rde_sum_add(&cell->sum, amount, work->context);
}

void
rde_tally_add(RdeTally *tally, const RdeFormatContext *context,
			  const RdeValue *values)
{
	DateADT		day = 0;
	bool		has_day = rde_day_of_period(&tally->work->days, context->period, &day);
	int			status;

	turn_to_day(tally, has_day, day);
	status = status_of(tally, values);
	add_to_cell(tally->work, status, currency_of(tally, context), 1,
				context->amount);
}

void
rde_tally_list(RdeTally *tally)
{
	MemoryContext old = MemoryContextSwitchTo(tally->work->context);

	tally->work->list = makeStringInfo();
	tally->work->listed = true;
	MemoryContextSwitchTo(old);
}

bool
rde_tally_put(RdeTally *tally, StringInfo to)
{
	StringInfo	list = tally->work->list;

	end_day(tally);
	rde_pack(to, &list->len, sizeof(int));
	rde_pack(to, list->data, list->len);
	return tally->work->listed;
}

static const char *
get_name(const char **from, size_t *len)
{
	const char *name;

	rde_unpack(from, len, sizeof(size_t));
	name = *from;
	*from += *len;
	return name;
}

static void
get_cell(RdeTally *tally, const char **from)
{
	bool		has_day;
	DateADT		day;
	const char *name;
	size_t		len;
	int			status;
	int			currency;
	int64		rows;

	rde_unpack(from, &has_day, sizeof(bool));
	rde_unpack(from, &day, sizeof(DateADT));
	turn_to_day(tally, has_day, day);
	name = get_name(from, &len);
	status = tally->status_column < 0 ? 0 : find_status(tally, name, len);
	name = get_name(from, &len);
	currency = find_currency(tally, name, len);
	rde_unpack(from, &rows, sizeof(int64));
	add_to_cell(tally->work, status, currency, rows,
				rde_unpack_numeric(from));
}

void
rde_tally_merge(RdeTally *tally, const char *from)
{
	const char *end;
	int			len;

	rde_unpack(&from, &len, sizeof(int));
	end = from + len;
	while (from < end)
		get_cell(tally, &from);
}

static int
compare_lines(const void *a, const void *b)
{
	const RdeTallyLine *left = a;
	const RdeTallyLine *right = b;
	int			order;

	if (left->rows != right->rows)
		return left->rows > right->rows ? -1 : 1;
	order = memcmp(left->name, right->name,
				   Min(left->name_length, right->name_length));
	return order ? order : (int) left->name_length - (int) right->name_length;
}

static int
compare_currencies(const void *a, const void *b, void *currencies)
{
	const RdeTallyLine *lines = currencies;

	return compare_lines(&lines[*(const int *) a], &lines[*(const int *) b]);
}

void
rde_tally_finish(RdeTally *tally)
{
	end_day(tally);
	qsort(tally->statuses, tally->nstatuses, sizeof(RdeTallyLine),
		  compare_lines);
	for (int i = 0; i < tally->ncurrencies; i++)
		tally->order[i] = i;
	qsort_arg(tally->order, tally->ncurrencies, sizeof(int),
			  compare_currencies, tally->currencies);
}
