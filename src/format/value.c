/*
 * value.c
 *	  Values as text, without a Datum, a format string or an allocation.
 *
 * Invariant: output depends on nothing but the value: no setting, locale or
 * time zone has a say.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "format/value.h"

char *
rde_write_date(char *dst, DateADT date)
{
	int			year;
	int			month;
	int			day;

	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	dst = year < 10000 ? rde_put_four_digits(dst, year) :
		rde_put_integer(dst, year);
	*dst++ = '-';
	dst = rde_put_two_digits(dst, month);
	*dst++ = '-';
	return rde_put_two_digits(dst, day);
}

char *
rde_write_local_time(char *dst, Timestamp time)
{
	int64		days = time / USECS_PER_DAY;
	int64		rest = time % USECS_PER_DAY;
	int			seconds;
	int			fraction;

	if (rest < 0)
	{
		rest += USECS_PER_DAY;
		days--;
	}
	seconds = rest / USECS_PER_SEC;
	fraction = rest % USECS_PER_SEC;

	dst = rde_write_date(dst, days);
	*dst++ = 'T';
	dst = rde_put_two_digits(dst, seconds / SECS_PER_HOUR);
	*dst++ = ':';
	dst = rde_put_two_digits(dst, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
	*dst++ = ':';
	dst = rde_put_two_digits(dst, seconds % SECS_PER_MINUTE);
	if (fraction != 0)
	{
		*dst++ = '.';
		dst = rde_put_two_digits(dst, fraction / 10000);
		dst = rde_put_four_digits(dst, fraction % 10000);
		while (dst[-1] == '0')
			dst--;
	}
	return dst;
}

char *
rde_write_instant(char *dst, TimestampTz time)
{
	dst = rde_write_local_time(dst, time);
	*dst++ = 'Z';
	return dst;
}
