/*
 * output.h
 *	  A file that is being written: its context, and the sinks behind it.
 */
#ifndef RDE_OUTPUT_H
#define RDE_OUTPUT_H

#include "build/part.h"
#include "file/store.h"
#include "format/format.h"
#include "report/report.h"

/* Where the rows of a part go, for the helpers of a build (see slices.h). */
typedef struct RdeSpool
{
	RdeSink   **sinks;			/* one for each report */
	int64		rows_before;	/* those of the parts before it, if a format
								 * has to know */
} RdeSpool;

/* The next bytes of a report's spool, exactly so many. */
typedef void (*RdeSpoolRead) (void *spooled, int report, char *data,
							  size_t len);

/* What all files of a build have in common. */
typedef struct RdeCommon
{
	MemoryContext context;		/* of what a file leaves to the next */
	RdeColumn  *columns;
	int			ncolumns;
	RdeEnds    *ends;
	const RdeSpool *spool;		/* NULL: rows go into the files */
} RdeCommon;

/* A file that is open, and the memory it leaves to the next. */
typedef struct RdeOutput
{
	RdeFormatContext context;	/* with a buffer and a compressor that stay */
	bytea	   *chunk;			/* stays, too: see rde_chunk_create() */
	RdeSink    *store;
	RdeSink    *digest;
	RdePieces	pieces;			/* of a spool */
} RdeOutput;

/*
 * Begin a report's file, the number-th of those open, in the current context.  Of a
 * part only its rows are written, into a spool.
 */
extern void rde_output_begin(RdeOutput *output, const RdeCommon *common,
							 const RdeReport *report, int number);

/*
 * No more rows come.  The manifest is told what there is to say of the file itself;
 * `replaced` are characters of the columns' values.
 */
extern void rde_output_end(RdeOutput *output, int64 replaced,
						   RdeManifest *manifest);

/* Of a part: what whoever joins it has to know, in the current context. */
extern void rde_output_end_part(RdeOutput *output, int64 replaced,
								RdePartFile *part);

/* What was spooled, of the number-th file, follows the rows that the file has. */
extern void rde_output_add_part(RdeOutput *output, const RdePartFile *part,
								int number, RdeSpoolRead read, void *spooled);

#endif							/* RDE_OUTPUT_H */
