/*
 * xlsx_number.h
 *	  Numbers as a spreadsheet sees them: doubles, days and column letters.
 */
#ifndef RDE_XLSX_H
#define RDE_XLSX_H

#include "postgres.h"

/* The serial number of PostgreSQL's day 0, 2000-01-01. */
#define RDE_XLSX_EPOCH_DAY	36526

/* A to XFD for a column counted from 0; returns the place behind it. */
extern char *rde_xlsx_write_column(char *dst, int column);

/*
 * Does a double give back every significant digit of a decimal number?  Sets
 * len to the length without the trailing zeros of a fraction, which say
 * nothing, and decimals to the number of digits that are left of it.
 */
extern bool rde_xlsx_number_fits(const char *text, size_t *len,
								 int *decimals);

/*
 * A day number and the time in that day, as a decimal number without trailing
 * zeros that no reader takes for an earlier time, nor for another day;
 * RDE_VALUE_TEXT_MAX bytes must be free at dst.
 */
extern char *rde_xlsx_write_moment(char *dst, int64 day, int64 microseconds);

#endif							/* RDE_XLSX_H */
