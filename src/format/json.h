/*
 * json.h
 *	  A row as a JSON object, which JSON and JSON Lines share.
 */
#ifndef RDE_JSON_H
#define RDE_JSON_H

#include "format/format.h"
#include "format/text.h"

/* The columns' names with all that stands around them, made once. */
extern RdeTag *rde_json_keys(const RdeFormatContext *context);

/* Write a row as an object, with a few bytes before it. */
extern void rde_json_put_row(RdeFormatContext *context, const RdeTag *keys,
							 const char *before, const RdeValue *values);

#endif							/* RDE_JSON_H */
