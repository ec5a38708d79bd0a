/*
 * put.h
 *	  What escapers write by hand: literals and hexadecimal digits.
 */
#ifndef RDE_PUT_H
#define RDE_PUT_H

#include <string.h>

#define RDE_PUT(dst, literal) \
	(memcpy(dst, literal, sizeof(literal) - 1), (dst) + sizeof(literal) - 1)

/* A byte as two digits out of `digits`. */
static inline char *
rde_put_hex(char *dst, unsigned char byte, const char *digits)
{
	*dst++ = digits[byte >> 4];
	*dst++ = digits[byte & 0xF];
	return dst;
}

#define RDE_HEX_LOWER	"0123456789abcdef"
#define RDE_HEX_UPPER	"0123456789ABCDEF"

#endif							/* RDE_PUT_H */
