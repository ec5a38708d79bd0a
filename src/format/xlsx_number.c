/*
 * xlsx_number.c
 *	  Numbers as a spreadsheet sees them: doubles, days and column letters.
 *
 * Invariant: integer arithmetic and digits only.  Nothing passes through a
 * double here, so nothing is rounded before the reader's own program does it.
 */
#include "postgres.h"

#include "format/value.h"
#include "format/xlsx_number.h"

/* Significant digits that every double gives back. */
#define MAX_DIGITS		15

/*
 * Zeros a number may have between its point and its first digit: doubles have
 * full precision down to 2.3e-308.
 */
#define MAX_ZEROS		306

/* Fractional digits of a day: a microsecond is 1.2e-11 of it. */
#define MOMENT_DIGITS	12

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
rde_xlsx_number_fits(const char *text, size_t *len)
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
	while (first < end && (*first == '-' || *first == '0' || *first == '.'))
		first++;
	digits = end - first;
	if (point && first < point && point < end)
		digits--;
	*len = end - text;
	return digits <= MAX_DIGITS &&
		(point == NULL || first - point <= MAX_ZEROS + 1);
}

char *
rde_xlsx_write_moment(char *dst, int64 day, int64 microseconds)
{
	int64		parts;
	int			digits = MOMENT_DIGITS;
	int			i;

	dst = rde_write_int64(dst, day);
	if (microseconds == 0)
		return dst;

	/* 10^12 parts a day: 10^12 / (86400 * 10^6) = 625 / 54, rounded */
	parts = (microseconds * 625 + 27) / 54;
	while (parts % 10 == 0)
	{
		parts /= 10;
		digits--;
	}
	*dst++ = '.';
	for (i = digits - 1; i >= 0; i--)
	{
		dst[i] = '0' + parts % 10;
		parts /= 10;
	}
	return dst + digits;
}
