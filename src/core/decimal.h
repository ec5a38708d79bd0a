/*
 * decimal.h
 *	  PostgreSQL's numeric as it lies in a row, read where it lies.
 *
 * The bytes are those behind the length of the varlena, at any address: nothing has
 * to be aligned or unpacked first.  Their form is what is on disk, and the same in
 * all versions since 9.1.
 */
#ifndef RDE_DECIMAL_H
#define RDE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum RdeDecimalKind
{
	RDE_DECIMAL_FINITE,
	RDE_DECIMAL_NAN,
	RDE_DECIMAL_INFINITY,
	RDE_DECIMAL_MINUS_INFINITY
} RdeDecimalKind;

/* Digits are to base 10,000; the first one counts 10,000 to the power of weight. */
typedef struct RdeDecimal
{
	RdeDecimalKind kind;
	bool		negative;
	int			scale;			/* decimals shown */
	int			weight;
	int			ndigits;
	const char *digits;			/* 16 bits each, in the bytes that were read */
} RdeDecimal;

extern void rde_decimal_read(RdeDecimal *decimal, const char *bytes,
							 size_t len);

/* Bytes that rde_decimal_write() may touch. */
extern size_t rde_decimal_room(const RdeDecimal *decimal);

/* What numeric_out() prints; returns the place behind it. */
extern char *rde_decimal_write(char *dst, const RdeDecimal *decimal);

/*
 * The number as an integer and a part of one in units of 10^-16, both with its sign;
 * false for one that has more digits on either side than that, or is none.
 */
#define RDE_DECIMAL_PART	INT64_C(10000000000000000)

extern bool rde_decimal_parts(const RdeDecimal *decimal, int64_t *whole,
							  int64_t *part);

#endif							/* RDE_DECIMAL_H */
