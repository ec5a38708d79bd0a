/*
 * xlsx_number.c
 *	  Numbers as a spreadsheet sees them: doubles, days and column letters.
 *
 * Invariant: integer arithmetic and digits only.  Nothing passes through a
 * double here.  A time is never early: what a reader's double makes of its
 * digits is not before it, so that readers may cut as well as round.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "format/value.h"
#include "format/xlsx_number.h"

/* Significant digits that every double gives back. */
#define MAX_DIGITS		15

/*
 * Zeros a number may have between its point and its first digit: doubles have
 * full precision down to 2.3e-308.
 */
#define MAX_ZEROS		306

/*
 * Fractional digits of a day, a multiple of six: a microsecond is 1.2e-11 of it,
 * and doubles of today's days are 7.3e-12 apart.
 */
#define MOMENT_DIGITS	12
#define MAX_MOMENT_BITS	40

char *
rde_xlsx_write_column(char *dst, int column)
{
	/* digits to base 26 that have no zero: Z is followed by AA */
	if (column >= 26)
		dst = rde_xlsx_write_column(dst, column / 26 - 1);
	*dst++ = 'A' + column % 26;
	return dst;
}

bool
rde_xlsx_number_fits(const char *text, size_t *len, int *decimals)
{
	const char *end = text + *len;
	const char *point = memchr(text, '.', *len);
	const char *first = text;
	size_t		digits;

	if (point)
	{
		while (end[-1] == '0')
			end--;
		if (end[-1] == '.')
			end--;
	}
	*decimals = point && point < end ? end - point - 1 : 0;
	while (first < end && (*first == '-' || *first == '0' || *first == '.'))
		first++;
	digits = end - first;
	if (point && first < point && point < end)
		digits--;
	*len = end - text;
	return digits <= MAX_DIGITS &&
		(point == NULL || first - point <= MAX_ZEROS + 1);
}

/*
 * The part of a day, behind this many days, as a count of 2^-bits parts: the
 * doubles of those days.  It is the next one that is not before the time; for
 * whole milliseconds, all that most readers keep, two or three above.  Doubles
 * have 53 bits; beyond 40 behind the point they are finer than a microsecond
 * needs.
 */
static uint64
parts_of_day(int64 day, int64 microseconds, int *bits)
{
	uint64		parts;

	*bits = Min(52 - pg_leftmost_one_pos32(day), MAX_MOMENT_BITS);
	/* a day of 86400 * 10^6 microseconds is 2^13 * 10546875 of them */
	parts = ((uint64) microseconds << (*bits - 13));
	parts = (parts + 10546874) / 10546875;
	/* readers multiply by 24, 60, 60 and 1000, and lose up to two parts */
	if (microseconds % 1000 == 0)
		parts += 2;
	/* the last moment of a day stays in it */
	return Min(parts, (UINT64CONST(1) << *bits) - 1);
}

char *
rde_xlsx_write_moment(char *dst, int64 day, int64 microseconds)
{
	uint64		parts;
	uint64		fraction;
	int			bits;
	int			digits = MOMENT_DIGITS;
	int			i;

	dst = rde_write_int64(dst, day);
	if (microseconds == 0)
		return dst;

	/* six digits at a time, the last one rounded up */
	parts = parts_of_day(day, microseconds, &bits) * 1000000;
	fraction = (parts >> bits) * 1000000;
	parts = (parts & ((UINT64CONST(1) << bits) - 1)) * 1000000;
	fraction += (parts + (UINT64CONST(1) << bits) - 1) >> bits;
	while (fraction % 10 == 0)
	{
		fraction /= 10;
		digits--;
	}
	*dst++ = '.';
	for (i = digits - 1; i >= 0; i--)
	{
		dst[i] = '0' + fraction % 10;
		fraction /= 10;
	}
	return dst + digits;
}
