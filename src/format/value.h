/*
 * value.h
 *	  Values as text: integers, dates and times written straight into a buffer.
 *
 * Each writer puts the text at dst, without a final NUL, and returns the place
 * behind it.  RDE_VALUE_TEXT_MAX bytes must be free at dst.
 */
#ifndef RDE_VALUE_H
#define RDE_VALUE_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "utils/date.h"

#include "core/digits.h"

#define RDE_VALUE_TEXT_MAX	64

static inline char *
rde_write_int64(char *dst, int64 value)
{
	return rde_put_integer(dst, value);
}

/* YYYY-MM-DD; date must be finite and in year 1 or later */
extern char *rde_write_date(char *dst, DateADT date);

/* YYYY-MM-DDTHH:MM:SS[.ffffff], fraction without trailing zeros */
extern char *rde_write_local_time(char *dst, Timestamp time);

/* the same in UTC with a Z behind */
extern char *rde_write_instant(char *dst, TimestampTz time);

#endif							/* RDE_VALUE_H */
