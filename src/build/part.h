/*
 * part.h
 *	  A part of a period, which one process of several has written: what is known of
 *	  it beside its bytes, which lie in a spool for each file.
 */
#ifndef RDE_PART_H
#define RDE_PART_H

#include "file/cut.h"
#include "lib/stringinfo.h"
#include "report/totals.h"

/* Files that one pass may write in parts. */
#define RDE_SPOOLED_FILES	8

/* A report's rows of the part. */
typedef struct RdePartFile
{
	RdePieces	pieces;			/* of its spool */
	int64		replaced;		/* characters, of values and of the format */
	int64		text_numbers;
	const char *own;			/* of the format, see RdePartOps; NULL: none */
	int			own_length;
} RdePartFile;

typedef struct RdePart
{
	int64		rows;			/* without any, nothing else is known */
	int			nfiles;
	RdePartFile files[RDE_SPOOLED_FILES];
	RdeTotals  *totals;			/* NULL: nothing was to be added up */
} RdePart;

/*
 * As bytes, for another process of the same server.  What is got lies in the
 * current context, or among the bytes.
 */
extern void rde_part_put(StringInfo to, const RdePart *part);
extern RdePart *rde_part_get(const char *from);

#endif							/* RDE_PART_H */
