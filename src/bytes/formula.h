/*
 * formula.h
 *	  Which text of a CSV field needs a guard; no PostgreSQL types, no errors.
 */
#ifndef RDE_FORMULA_H
#define RDE_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

/* Does a spreadsheet compute what follows a sign? */
extern bool rde_csv_is_signed_formula(const char *src, size_t len);

/* Would a spreadsheet run this text as a formula? (doc/formats.md) */
static inline bool
rde_csv_is_formula(const char *src, size_t len)
{
	if (len == 0)
		return false;
	switch (src[0])
	{
		case '=':
		case '@':
		case '\t':
		case '\r':
		case '\n':
			return true;
		case '+':
		case '-':
			return rde_csv_is_signed_formula(src + 1, len - 1);
		case '\xEF':
			/* full-width = + - @, which East Asian editions take as well */
			return len >= 3 && src[1] == '\xBC' &&
				(src[2] == '\x9D' || src[2] == '\x8B' ||
				 src[2] == '\x8D' || src[2] == '\xA0');
		default:
			return false;
	}
}

#endif							/* RDE_FORMULA_H */
