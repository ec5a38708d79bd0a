/*
 * value.c
 *	  Values as text, without a Datum, a format string or an allocation.
 *
 * Invariant: output depends on nothing but the value: no setting, locale or
 * time zone has a say.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"

#include "format/value.h"

char *
rde_write_int64(char *dst, int64 value)
{
	return dst + pg_lltoa(value, dst);
}

char *
rde_write_date(char *dst, DateADT date)
{
	int			year;
	int			month;
	int			day;

	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	dst = pg_ultostr_zeropad(dst, year, 4);
	*dst++ = '-';
	dst = pg_ultostr_zeropad(dst, month, 2);
	*dst++ = '-';
	return pg_ultostr_zeropad(dst, day, 2);
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
	dst = pg_ultostr_zeropad(dst, seconds / SECS_PER_HOUR, 2);
	*dst++ = ':';
	dst = pg_ultostr_zeropad(dst, seconds / SECS_PER_MINUTE % MINS_PER_HOUR,
							 2);
	*dst++ = ':';
	dst = pg_ultostr_zeropad(dst, seconds % SECS_PER_MINUTE, 2);
	if (fraction != 0)
	{
		*dst++ = '.';
		dst = pg_ultostr_zeropad(dst, fraction, 6);
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
