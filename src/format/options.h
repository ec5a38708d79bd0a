/*
 * options.h
 *	  A report's options: parsed once from jsonb, checked, with defaults filled.
 */
#ifndef RDE_OPTIONS_H
#define RDE_OPTIONS_H

#include "postgres.h"

#include "core/compat.h"
#include "format/format.h"
#include "utils/jsonb.h"

/*
 * Parse options, in the current memory context.  Raises 22023 naming an unknown
 * or ill-typed option and what exists.
 */
extern void rde_options_parse(Jsonb *jsonb, RdeOptions *options);

/* What was parsed for a format, as the format's file declares it. */
extern void *rde_options_of(const RdeOptions *options,
							const RdeFormat *format);

/*
 * For a format's own options.  A path is what a user calls an option, such as
 * csv.delimiter; the first is its problem, as in "must be true or false".
 */
pg_noreturn extern void rde_option_refuse(const char *path,
										  const char *problem);
extern bool rde_option_bool(const char *path, const JsonbValue *value);
extern char rde_option_char(const char *path, const JsonbValue *value,
							const char *allowed, const char *problem);
extern bool rde_option_is(const JsonbValue *value, const char *text);

typedef void (*RdeOptionSetter) (const char *name, const JsonbValue *value,
								 void *options);

/* Call set for every key of an object; false for what is none. */
extern bool rde_option_each(const JsonbValue *value, RdeOptionSetter set,
							void *options);

#endif							/* RDE_OPTIONS_H */
