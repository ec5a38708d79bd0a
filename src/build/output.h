/*
 * output.h
 *	  A file that is being written: its context, and the sinks behind it.
 */
#ifndef RDE_OUTPUT_H
#define RDE_OUTPUT_H

#include "build/files.h"

/* A file that is open, and the memory it leaves to the next. */
struct RdeOutput
{
	RdeFormatContext context;	/* with a buffer and a compressor that stay */
	bytea	   *chunk;			/* stays, too: see rde_chunk_create() */
	RdeSink    *store;
	RdeSink    *digest;
	RdePieces	pieces;			/* of a spool */
};

/*
 * Begin a report's file: in the current context, what stays in that of all files.
 * Of a part only its rows are written, into a spool.
 */
extern void rde_output_begin(const RdeFiles *files, const RdeReport *report,
							 RdeOutput *output);

/*
 * No more rows come.  The manifest is filled, `replaced` characters of the columns'
 * values being its share's.
 */
extern void rde_output_end(const RdeFiles *files, RdeOutput *output,
						   int64 replaced, RdeManifest *manifest);

/* Of a part: what whoever joins it has to know, in the current context. */
extern void rde_output_end_part(RdeOutput *output, int64 replaced,
								RdePartFile *part);

/* What was spooled follows the rows that the file has. */
extern void rde_output_add_part(RdeOutput *output, const RdePartFile *part,
								int report, RdeSpoolRead read, void *spooled);

#endif							/* RDE_OUTPUT_H */
