/*
 * jsonl.c
 *	  JSON Lines: one object a line, and nothing else.
 *
 * Invariant: a line is what JSON has for the row, so whoever reads one reads
 * the other; a file can be cut and put together at any end of a line.
 */
#include "postgres.h"

#include "format/json.h"

static void
jsonl_start(RdeFormatContext *context)
{
	context->state = rde_json_row(context);
}

static void
jsonl_row(RdeFormatContext *context, const RdeValue *values)
{
	rde_json_put_row(context, context->state, values);
	rde_buffer_append(&context->buffer, "\n", 1);
}

static void
jsonl_end(RdeFormatContext *context)
{
	/* a file ends with its last row */
}

const RdeFormat rde_format_jsonl = {
	.name = "jsonl",
	.extension = "jsonl",
	.media_type = "application/x-ndjson",
	.text = true,
	.compressible = true,
	.start = jsonl_start,
	.row = jsonl_row,
	.end = jsonl_end,
};
