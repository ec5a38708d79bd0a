/*
 * json.h
 *	  A row as a JSON object, which JSON and JSON Lines share.
 */
#ifndef RDE_JSON_H
#define RDE_JSON_H

#include "format/format.h"
#include "format/text.h"

/* What is the same in every row. */
typedef struct RdeJsonRow
{
	const RdeTag *keys;			/* ,"name": of each column */
	bool		as_string;		/* numbers are strings */
} RdeJsonRow;

/* Made once, in the current context. */
extern RdeJsonRow *rde_json_row(const RdeFormatContext *context);

/* Write a row as an object. */
extern void rde_json_put_row(RdeFormatContext *context, const RdeJsonRow *row,
							 const RdeValue *values);

#endif							/* RDE_JSON_H */
