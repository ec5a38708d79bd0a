/*
 * number_fuzz.c
 *	  Values as text: PostgreSQL reads what was written, and so does whoever has
 *	  doubles only.
 */
#include "fuzz/server.h"

#include <math.h>

#include "format/value.h"
#include "format/xlsx_number.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

static const char *
finish(char *text, char *end)
{
	PROMISE(end - text < RDE_VALUE_TEXT_MAX);
	*end = '\0';
	return text;
}

static void
check_integer(int64 value)
{
	char		text[RDE_VALUE_TEXT_MAX];

	PROMISE(strtoll(finish(text, rde_write_int64(text, value)), NULL, 10) == value);
}

#define FIRST_DAY	(date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE)
#define LAST_DAY	(date2j(294276, 12, 31) - POSTGRES_EPOCH_JDATE)

static void
check_date(uint64 any)
{
	DateADT		day = FIRST_DAY + (DateADT) (any % (LAST_DAY - FIRST_DAY + 1));
	char		text[RDE_VALUE_TEXT_MAX];

	finish(text, rde_write_date(text, day));
	PROMISE(DatumGetDateADT(DirectFunctionCall1(date_in, CStringGetDatum(text))) == day);
}

static void
check_instant(uint64 any)
{
	Timestamp	first = FIRST_DAY * USECS_PER_DAY;
	Timestamp	time = first + (Timestamp) (any % (uint64) (END_TIMESTAMP - first));
	char		text[RDE_VALUE_TEXT_MAX];

	finish(text, rde_write_local_time(text, time));
	PROMISE(DatumGetTimestamp(DirectFunctionCall3(timestamp_in, CStringGetDatum(text),
												  ObjectIdGetDatum(InvalidOid),
												  Int32GetDatum(-1))) == time);
	finish(text, rde_write_instant(text, time));
	PROMISE(DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
													ObjectIdGetDatum(InvalidOid),
													Int32GetDatum(-1))) == time);
}

/* A reader's double is not before the time, less than 2 us after it, and of its day. */
static void
check_moment(uint64 any)
{
	int64		day = any % 2958466;	/* 9999-12-31 */
	int64		time = (int64) (any / 2958466 % USECS_PER_DAY);
	char		text[RDE_VALUE_TEXT_MAX];
	double		read;
	double		part;

	finish(text, rde_xlsx_write_moment(text, day, time));
	read = strtod(text, NULL);
	PROMISE(floor(read) == day);
	part = (read - day) * USECS_PER_DAY;
	PROMISE(part >= time - 0.001);
	/* as fine as a double of that day is: three of its steps */
	PROMISE(part - time <= 1 + 3 * USECS_PER_DAY * ldexp(1, ilogb(day + 1.0) - 52));
	if (time % 1000 == 0)
		PROMISE(floor(fmod(read, 1) * 24 * 60 * 60 * 1000) == time / 1000 ||
				part - time < 1);
}

static void
check_column(uint32 any)
{
	char		text[16];
	int			column = any % 16384;
	int			read = 0;
	char	   *end = rde_xlsx_write_column(text, column);

	PROMISE(end - text <= 3);
	for (const char *c = text; c < end; c++)
	{
		PROMISE(*c >= 'A' && *c <= 'Z');
		read = read * 26 + *c - 'A' + 1;
	}
	PROMISE(read - 1 == column);
}

/* A number of decimal digits, as numeric_out() has it. */
static const char *
numeric_text(const char *text)
{
	const char *volatile result = NULL;

	PG_TRY();
	{
		Numeric		number = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
																 ObjectIdGetDatum(InvalidOid),
																 Int32GetDatum(-1)));

		if (!numeric_is_nan(number) && !numeric_is_inf(number))
			result = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(fuzz_context);
		FlushErrorState();
	}
	PG_END_TRY();
	return result;
}

static Datum
number_of(const char *text)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static bool
equals(const char *a, const char *b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_eq, number_of(a), number_of(b)));
}

/* A reader's double, written with the digits that it has for sure, is the number. */
static void
check_fits(const char *given)
{
	const char *text = numeric_text(given);
	size_t		length;
	int			decimals;
	char	   *kept;

	if (text == NULL)
		return;
	length = strlen(text);
	if (!rde_xlsx_number_fits(guarded(text, length), &length, &decimals))
		return;
	kept = pnstrdup(text, length);
	PROMISE(decimals >= 0 && decimals < (int) length + 1);
	PROMISE((strchr(kept, '.') == NULL) == (decimals == 0));
	if (decimals > 0)
		PROMISE(strlen(strchr(kept, '.')) == (size_t) decimals + 1);
	/* what was cut off were zeros */
	PROMISE(equals(kept, text));
	if (isfinite(strtod(kept, NULL)))
		PROMISE(equals(psprintf("%.15g", strtod(kept, NULL)), kept));
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	uint64		any = 0;
	char	   *text;

	memcpy(&any, data, Min(size, sizeof(any)));
	check_integer((int64) any);
	check_date(any);
	check_instant(any);
	check_moment(any);
	check_column((uint32) any);
	text = take_string(&bytes);
	if (strlen(text) < 400)
		check_fits(text);
	free(text);
}
