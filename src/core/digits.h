/*
 * digits.h
 *	  Decimal digits of integers, without a loop over them or a branch for each.
 *
 * Invariant: no digit is lost or made up, from 0 to 2^64 - 1.
 */
#ifndef RDE_DIGITS_H
#define RDE_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that rde_put_integer() may touch: 20 digits, or a sign and 19. */
#define RDE_DIGITS_ROOM		32

/* Two digits of what is below 100. */
static inline char *
rde_put_two_digits(char *dst, unsigned int value)
{
	static const char pairs[] =
	"00010203040506070809" "10111213141516171819"
	"20212223242526272829" "30313233343536373839"
	"40414243444546474849" "50515253545556575859"
	"60616263646566676869" "70717273747576777879"
	"80818283848586878889" "90919293949596979899";

	memcpy(dst, pairs + value * 2, 2);
	return dst + 2;
}

static inline char *
rde_put_four_digits(char *dst, unsigned int value)
{
	return rde_put_two_digits(rde_put_two_digits(dst, value / 100),
							  value % 100);
}

/* Eight digits as bytes from 0 to 9, the lowest first; compilers make one store of it. */
static inline void
put_digits(char *dst, uint64_t digits)
{
	uint8_t    *d = (uint8_t *) dst;

	digits |= UINT64_C(0x3030303030303030);
	d[0] = (uint8_t) digits;
	d[1] = (uint8_t) (digits >> 8);
	d[2] = (uint8_t) (digits >> 16);
	d[3] = (uint8_t) (digits >> 24);
	d[4] = (uint8_t) (digits >> 32);
	d[5] = (uint8_t) (digits >> 40);
	d[6] = (uint8_t) (digits >> 48);
	d[7] = (uint8_t) (digits >> 56);
}

/*
 * What is below 10^8 as eight bytes from 0 to 9, the first digit the lowest.  Halves,
 * quarters and eighths of the word are divided at once; a multiplication and a shift
 * are exact for numbers as small as theirs.
 */
static inline uint64_t
digits_of_eight(uint32_t value)
{
	uint64_t	fours = value / 10000 | (uint64_t) (value % 10000) << 32;
	uint64_t	hundreds = (fours * 10486 >> 20) & UINT64_C(0x0000007F0000007F);
	uint64_t	twos = hundreds | (fours - hundreds * 100) << 16;
	uint64_t	tens = (twos * 103 >> 10) & UINT64_C(0x000F000F000F000F);

	return tens | (twos - tens * 10) << 8;
}

/* Eight digits of what is below 10^8, zeros in front. */
static inline char *
rde_put_eight_digits(char *dst, uint32_t value)
{
	put_digits(dst, digits_of_eight(value));
	return dst + 8;
}

/* The same without those zeros; eight bytes are touched. */
static inline char *
put_up_to_eight_digits(char *dst, uint32_t value)
{
	uint64_t	digits = digits_of_eight(value);

	/* bits of zeros in front; the last digit is none of them */
	unsigned int zeros = __builtin_ctzll(digits | UINT64_C(1) << 56) & ~7U;

	put_digits(dst, digits >> zeros);
	return dst + 8 - (zeros >> 3);
}

/* What is below 10,000, in half of the word; four bytes are touched. */
static inline char *
put_up_to_four_digits(char *dst, uint32_t value)
{
	uint32_t	hundreds = value * 5243 >> 19;
	uint32_t	twos = hundreds | (value - hundreds * 100) << 16;
	uint32_t	tens = (twos * 103 >> 10) & 0x000F000F;
	uint32_t	digits = tens | (twos - tens * 10) << 8;
	unsigned int zeros = __builtin_ctz(digits | 1U << 24) & ~7U;
	uint8_t    *d = (uint8_t *) dst;

	digits = (digits | 0x30303030) >> zeros;
	d[0] = (uint8_t) digits;
	d[1] = (uint8_t) (digits >> 8);
	d[2] = (uint8_t) (digits >> 16);
	d[3] = (uint8_t) (digits >> 24);
	return dst + 4 - (zeros >> 3);
}

/* No zeros in front; touches up to RDE_DIGITS_ROOM bytes. */
static inline char *
rde_put_integer(char *dst, int64_t value)
{
	const uint64_t eight = 100000000;
	uint64_t	left = (uint64_t) value;

	if (value < 0)
	{
		*dst++ = '-';
		left = 0 - left;
	}
	if (left < 10000)
		return put_up_to_four_digits(dst, (uint32_t) left);
	if (left < eight)
		return put_up_to_eight_digits(dst, (uint32_t) left);
	if (left < eight * eight)
		dst = put_up_to_eight_digits(dst, (uint32_t) (left / eight));
	else
	{
		dst = put_up_to_eight_digits(dst, (uint32_t) (left / (eight * eight)));
		dst = rde_put_eight_digits(dst, (uint32_t) (left / eight % eight));
	}
	return rde_put_eight_digits(dst, (uint32_t) (left % eight));
}

#endif							/* RDE_DIGITS_H */
