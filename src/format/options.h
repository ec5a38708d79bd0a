/*
 * options.h
 *	  A report's options: parsed once from jsonb, checked, with defaults filled.
 */
#ifndef RDE_OPTIONS_H
#define RDE_OPTIONS_H

#include "postgres.h"
#include "utils/jsonb.h"

typedef struct RdeOptions
{
	bool		compress;		/* gzip csv, json and xml files */
	char		csv_delimiter;
	char		csv_decimal;	/* '.' or ',' */
	bool		csv_bom;
	bool		csv_formula_guard;
	bool		json_numbers_as_string;
} RdeOptions;

/*
 * Parse options.  Raises 22023 naming an unknown or ill-typed option and what
 * exists.
 */
extern void rde_options_parse(Jsonb *jsonb, RdeOptions *options);

#endif							/* RDE_OPTIONS_H */
