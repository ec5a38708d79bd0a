/*
 * decimal.c
 *	  PostgreSQL's numeric as it lies in a row, read where it lies.
 *
 * Invariant: what is written are the bytes that numeric_out() prints, for every
 * value; nothing is read but the bytes given.
 */
#include "core/decimal.h"

#include <string.h>

#include "core/digits.h"

/*
 * The first 16 bits of a numeric.  Two forms of finite ones: a short one, which has
 * the weight in it, and a long one, which has it in 16 bits more.
 */
#define FORM_MASK		0xC000
#define FORM_SHORT		0x8000
#define FORM_SPECIAL	0xC000
#define LONG_NEGATIVE	0x4000
#define LONG_SCALE		0x3FFF
#define SHORT_NEGATIVE	0x2000
#define SHORT_SCALE(head)	(((head) >> 7) & 0x3F)
#define SHORT_WEIGHT(head)	((int) ((head) & 0x7F) - (((head) & 0x40) ? 0x80 : 0))
#define SPECIAL_MASK	0xF000
#define SPECIAL_NAN		0xC000
#define SPECIAL_PLUS	0xD000

/* Decimal digits of one digit, and how many of these make 16. */
#define GROUP			4
#define PART_GROUPS		4

static inline uint16_t
get16(const char *src)
{
	uint16_t	value;

	memcpy(&value, src, sizeof(value));
	return value;
}

void
rde_decimal_read(RdeDecimal *decimal, const char *bytes, size_t len)
{
	uint16_t	head = get16(bytes);
	size_t		header = sizeof(uint16_t);

	decimal->kind = RDE_DECIMAL_FINITE;
	if ((head & FORM_MASK) == FORM_SHORT)
	{
		decimal->negative = (head & SHORT_NEGATIVE) != 0;
		decimal->scale = SHORT_SCALE(head);
		decimal->weight = SHORT_WEIGHT(head);
	}
	else if ((head & FORM_MASK) != FORM_SPECIAL)
	{
		decimal->negative = (head & LONG_NEGATIVE) != 0;
		decimal->scale = head & LONG_SCALE;
		decimal->weight = (int16_t) get16(bytes + header);
		header += sizeof(uint16_t);
	}
	else
	{
		decimal->kind = (head & SPECIAL_MASK) == SPECIAL_NAN ? RDE_DECIMAL_NAN :
			(head & SPECIAL_MASK) == SPECIAL_PLUS ? RDE_DECIMAL_INFINITY :
			RDE_DECIMAL_MINUS_INFINITY;
		header = len;
	}
	decimal->ndigits = (int) ((len - header) / sizeof(uint16_t));
	decimal->digits = bytes + header;
}

size_t
rde_decimal_room(const RdeDecimal *decimal)
{
	size_t		whole = decimal->weight < 0 ? 1 :
	((size_t) decimal->weight + 1) * GROUP;

	if (decimal->kind != RDE_DECIMAL_FINITE)
		return sizeof("-Infinity");
	/* a sign, a point, and the last group is written whole */
	return 2 + whole + decimal->scale + GROUP;
}

/* The digit that counts 10,000 to the power of weight - i. */
static inline int
digit(const RdeDecimal *decimal, int i)
{
	return i >= 0 && i < decimal->ndigits ?
		get16(decimal->digits + i * sizeof(uint16_t)) : 0;
}

/* Without zeros in front, but for that of nothing. */
static inline char *
put_first_group(char *dst, int value)
{
	char		group[GROUP];
	int			skip = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;

	rde_put_four_digits(group, value);
	memcpy(dst, group + skip, GROUP - skip);
	return dst + GROUP - skip;
}

static inline char *
put_word(char *dst, const char *word)
{
	size_t		len = strlen(word);

	memcpy(dst, word, len);
	return dst + len;
}

char *
rde_decimal_write(char *dst, const RdeDecimal *decimal)
{
	char	   *end;
	int			i = 0;

	switch (decimal->kind)
	{
		case RDE_DECIMAL_FINITE:
			break;
		case RDE_DECIMAL_NAN:
			return put_word(dst, "NaN");
		case RDE_DECIMAL_INFINITY:
			return put_word(dst, "Infinity");
		case RDE_DECIMAL_MINUS_INFINITY:
			return put_word(dst, "-Infinity");
	}
	if (decimal->negative)
		*dst++ = '-';
	if (decimal->weight < 0)
	{
		*dst++ = '0';
		i = decimal->weight + 1;
	}
	else
	{
		dst = put_first_group(dst, digit(decimal, i++));
		while (i <= decimal->weight)
			dst = rde_put_four_digits(dst, digit(decimal, i++));
	}
	if (decimal->scale == 0)
		return dst;
	*dst++ = '.';
	end = dst + decimal->scale;
	while (dst < end)
		dst = rde_put_four_digits(dst, digit(decimal, i++));
	return end;
}

/* Four digits from the i-th on, as one number. */
static inline int64_t
four_groups(const RdeDecimal *decimal, int i)
{
	int64_t		value = 0;

	for (int end = i + PART_GROUPS; i < end; i++)
		value = value * 10000 + digit(decimal, i);
	return value;
}

/* Are there decimals that are not shown?  Whoever adds numbers up has to know. */
static bool
has_hidden_decimals(const RdeDecimal *decimal)
{
	static const int powers[GROUP] = {1, 10, 100, 1000};
	int			hidden = (decimal->ndigits - 1 - decimal->weight) * GROUP -
	decimal->scale;

	return hidden > 0 &&
		(hidden >= GROUP ||
		 digit(decimal, decimal->ndigits - 1) % powers[hidden] != 0);
}

bool
rde_decimal_parts(const RdeDecimal *decimal, int64_t *whole, int64_t *part)
{
	int			point = decimal->weight + 1;

	if (decimal->kind != RDE_DECIMAL_FINITE || point > PART_GROUPS ||
		decimal->ndigits > point + PART_GROUPS ||
		decimal->scale > PART_GROUPS * GROUP || has_hidden_decimals(decimal))
		return false;
	*whole = four_groups(decimal, point - PART_GROUPS);
	*part = four_groups(decimal, point);
	if (decimal->negative)
	{
		*whole = -*whole;
		*part = -*part;
	}
	return true;
}
