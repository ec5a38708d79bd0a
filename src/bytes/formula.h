/*
 * formula.h
 *	  Which text of a CSV field needs a guard; no PostgreSQL types, no errors.
 */
#ifndef RDE_FORMULA_H
#define RDE_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

/* Text that begins with another byte is never a formula. */
static inline bool
rde_csv_begins_formula(char first)
{
	return first == '=' || first == '+' || first == '-' || first == '@' ||
		first == '\t' || first == '\r' || first == '\n' || first == '\xEF';
}

/* Would a spreadsheet run this text as a formula? (doc/formats.md) */
extern bool rde_csv_is_formula(const char *src, size_t len);

#endif							/* RDE_FORMULA_H */
