/*
 * formula.c
 *	  Tells text that a spreadsheet would calculate from text it would show.
 *
 * Invariant: a number, a phone number or an ordinary sentence is never taken
 * for a formula; what may be calculated always is, test/t/formulas.txt is the
 * table of both.
 */
#include "bytes/formula.h"

#include <stdint.h>

#define BIT(c)	(UINT64_C(1) << (c))

/* What stands in numbers and phone numbers. */
static inline bool
is_plain(unsigned char c)
{
	static const uint64_t plain = UINT64_C(0x3FF) << '0' | BIT(' ') | BIT('(') |
	BIT(')') | BIT('.') | BIT('-');

	return c < 64 && (plain >> c & 1) != 0;
}

/*
 * Is this, behind a sign, what a spreadsheet computes?  Operands that stand
 * side by side, as in +1 (417) 712-2740, are no formula; nor is anything
 * without an operator.
 */
static bool
csv_is_arithmetic(const char *src, size_t len)
{
	bool		hyphen = false;
	bool		operand = false;	/* ended before src[i] */
	bool		parted = false; /* by a blank or bracket since */
	size_t		i;

	for (i = 0; i < len; i++)
	{
		char		c = src[i];

		if ((c >= '0' && c <= '9') || c == '.' || c == '(')
		{
			if (operand && (parted || c == '('))
				return false;
			operand = c != '(';
			parted = false;
		}
		else if (c == ')')
			operand = parted = true;
		else if (c == ' ')
			parted = true;
		else if (c == '-')
		{
			hyphen = true;
			operand = parted = false;
		}
	}
	return hyphen;
}

bool
rde_csv_is_signed_formula(const char *src, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (!is_plain(src[i]))
			return true;
	}
	return csv_is_arithmetic(src, len);
}
