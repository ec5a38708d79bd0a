/*
 * locale.h
 *	  Names of locales, and texts in several languages.
 */
#ifndef RDE_LOCALE_H
#define RDE_LOCALE_H

#include "postgres.h"

/* Is this a language, or one with a region or script: en, pt-BR, zh_Hans? */
extern bool rde_is_locale(const char *text, size_t len);

/*
 * Make of a text one locale of its "<locale> <text>" segments, which TAB separates:
 * the one asked for, else one of the same language, else the first.  Text that is
 * not of this form stays as it is.
 */
extern void rde_locale_pick(const char **text, uint32 *length,
							const char *wanted);

#endif							/* RDE_LOCALE_H */
