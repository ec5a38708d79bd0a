/*
 * decimal_fuzz.c
 *	  Numerics read where they lie print what numeric_out() prints.
 */
#include "fuzz/server.h"

#include "core/decimal.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static Numeric
numeric_of(const char *text)
{
	Numeric volatile number = NULL;

	PG_TRY();
	{
		number = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
													 ObjectIdGetDatum(InvalidOid),
													 Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(fuzz_context);
		FlushErrorState();
	}
	PG_END_TRY();
	return number;
}

static void
check(Numeric number)
{
	size_t		len = VARSIZE_ANY_EXHDR(number);
	const char *expected = DatumGetCString(DirectFunctionCall1(numeric_out,
															   NumericGetDatum(number)));
	const char *bytes = guarded(VARDATA_ANY(number), len);
	RdeDecimal	decimal;
	size_t		room;
	char	   *written;
	char	   *end;

	rde_decimal_read(&decimal, bytes, len);
	room = rde_decimal_room(&decimal);
	written = palloc(room + 1);
	written[room] = '#';
	end = rde_decimal_write(written, &decimal);
	PROMISE(end - written == strlen(expected) && memcmp(written, expected, end - written) == 0);
	PROMISE(written[room] == '#');
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	char	   *text = take_string(&bytes);
	Numeric		number = numeric_of(text);

	free(text);
	if (number != NULL)
		check(number);
}
