/*
 * tally.c
 *	  Rows and sums per currency, status and day, gathered while rows stream by.
 *
 * Rows come ordered by their period column, so only one day is open at a time.
 * A row is added to one cell of it, that of its status and currency; when the day
 * ends its cells are added to whatever they belong to.
 */
#include "format/tally.h"

#include "common/int.h"
#include "core/calendar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

/* Cells of a day: the last of a row and of a column is for all others. */
#define COLUMNS	(RDE_TALLY_CURRENCIES + 1)
#define CELLS	((RDE_TALLY_STATUSES + 1) * COLUMNS)

#define UNIX_TO_POSTGRES \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Days of the years 1 to 9999. */
#define FIRST_DAY		(1721426 - POSTGRES_EPOCH_JDATE)
#define END_OF_DAYS		((int64) (5373485 - POSTGRES_EPOCH_JDATE))
#define MIN_TIME		((int64) FIRST_DAY * USECS_PER_DAY)

typedef struct Cell
{
	int64		rows;
	RdeSum		sum;
} Cell;

typedef struct TallyWork
{
	MemoryContext context;
	struct pg_tz *zone;
	int			last_currency;	/* of the row before */
	int			last_status;

	DateADT		known_day;		/* the last one found, and its instants: */
	TimestampTz known_start;	/* half-open, empty at first */
	TimestampTz known_end;

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
	tally->work->zone = context->zone;
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
find_currency(RdeTally *tally, const RdeFormatContext *context)
{
	TallyWork  *work = tally->work;
	const char *name = "";
	size_t		len = 0;

	if (context->currency)
		name = rde_text_to_utf8(context->currency, context->currency_length,
								&len);
	work->last_currency = find_line(tally->currencies, &tally->ncurrencies,
									RDE_TALLY_CURRENCIES,
									work->last_currency, name, len,
									work->context);
	return work->last_currency;
}

static int
find_status(RdeTally *tally, const RdeValue *values)
{
	TallyWork  *work = tally->work;
	const RdeValue *value;
	const char *name = "";
	size_t		len = 0;

	if (tally->status_column < 0)
		return 0;
	value = &values[tally->status_column];
	if (value->shape != RDE_NULL)
	{
		name = value->text;
		len = value->length;
	}
	work->last_status = find_line(tally->statuses, &tally->nstatuses,
								  RDE_TALLY_STATUSES, work->last_status,
								  name, len, work->context);
	return work->last_status;
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

static void
end_day(RdeTally *tally)
{
	TallyWork  *work = tally->work;
	RdeTallyLine *day;

	if (work->nused == 0)
		return;
	day = day_line(tally);
	for (int i = 0; i < work->nused; i++)
	{
		Cell	   *cell = &work->cells[work->used[i]];
		int			currency = work->used[i] % COLUMNS;
		int			number = work->used[i] / COLUMNS;
		RdeTallyLine *status = number < RDE_TALLY_STATUSES ?
		&tally->statuses[number] : &tally->other_statuses;

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
		cell->rows = 0;
		rde_sum_reset(&cell->sum);
	}
	work->nused = 0;
}

/*
 * The day of an instant, that whose rows a report of it has: where a clock was set
 * back over midnight, none comes back.
 */
static DateADT
day_of(TallyWork *work, TimestampTz time)
{
	DateADT		day;

	if (time >= work->known_start && time < work->known_end)
		return work->known_day;
	day = rde_day_of(time, work->zone);
	if (time < rde_day_start(day, work->zone))
		day--;
	else if (time >= rde_day_start(day + 1, work->zone))
		day++;
	work->known_day = day;
	work->known_start = rde_day_start(day, work->zone);
	work->known_end = rde_day_start(day + 1, work->zone);
	return day;
}

/* The day a row belongs to; false if it has none, or none that sheets know. */
static bool
row_day(TallyWork *work, const RdeValue *period, DateADT *day)
{
	TimestampTz time = period->u.time;

	switch (period->shape)
	{
		case RDE_DATE:
			*day = period->u.date;
			return *day < END_OF_DAYS;
		case RDE_UNIX:
			if (pg_mul_s64_overflow(period->u.integer - UNIX_TO_POSTGRES,
									USECS_PER_SEC, &time) ||
				time < MIN_TIME)
				return false;
			/* FALLTHROUGH */
		case RDE_INSTANT:
			if (time >= END_OF_DAYS * USECS_PER_DAY)
				return false;
			*day = day_of(work, time);
			return true;
		default:
			return false;
	}
}

void
rde_tally_add(RdeTally *tally, const RdeFormatContext *context,
			  const RdeValue *values)
{
	TallyWork  *work = tally->work;
	DateADT		day = 0;
	bool		has_day = row_day(work, context->period, &day);
	int			number;
	Cell	   *cell;

	if (has_day != work->has_day || day != work->day)
	{
		end_day(tally);
		work->has_day = has_day;
		work->day = day;
	}
	number = find_status(tally, values) * COLUMNS +
		find_currency(tally, context);
	cell = &work->cells[number];
	if (cell->rows++ == 0)
		work->used[work->nused++] = number;
	if (context->amount && number % COLUMNS < RDE_TALLY_CURRENCIES)
		rde_sum_add(&cell->sum, context->amount, work->context);
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
