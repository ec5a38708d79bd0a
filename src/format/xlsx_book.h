/*
 * xlsx_book.h
 *	  A workbook that is being written: its archive, and the sheet that is open.
 */
#ifndef RDE_XLSX_BOOK_H
#define RDE_XLSX_BOOK_H

#include "file/zip.h"
#include "format/tally.h"
#include "format/xlsx_cell.h"
#include "format/xlsx_shell.h"
#include "format/xlsx_summary.h"

/* Rows of a sheet, its header included; a test build sets fewer. */
#ifndef RDE_XLSX_MAX_ROWS
#define RDE_XLSX_MAX_ROWS	RDE_XLSX_SHEET_ROWS
#endif

/*
 * No row begins past this many bytes of a sheet's XML.  The largest row there
 * can be, 1,664 columns of 32,767 characters that take seven bytes each, ends
 * before 4 GiB then.
 */
#ifndef RDE_XLSX_MAX_BYTES
#define RDE_XLSX_MAX_BYTES	(UINT64CONST(7) << 29)
#endif

/* Rows that columns are made as wide as. */
#define RDE_XLSX_SEEN_ROWS	1000

/* The state of the format.  Of a part (see RdePartOps) some is not used. */
typedef struct RdeXlsxBook
{
	RdeXlsxCells cells;
	MemoryContext context;
	RdeXlsxPlan plan;
	RdeZip	   *zip;			/* NULL in a part */
	RdeSink    *sheet;			/* a cut: the open sheet's XML goes here */
	uint64		sheet_begins;	/* bytes of it before the sheet's own */
	int			max_sheets;
	int		   *nrows;			/* of each sheet, with the header */
	RdeSheetFrame frames[2];	/* of the first sheet and of all others */

	/* rows of the first sheet, until its columns' widths are known */
	RdeSink    *hold;			/* NULL: they are */
	uint64		before_rows;	/* bytes it holds of the header */
	int		   *seen;			/* widest value of each column */
	int		   *widths;

	/* of a part */
	uint64		first_bytes;	/* of the sheet it began in, once there is
								 * another */
	uint64		most_bytes;		/* of a sheet between the first and the last */
	int			last_row;		/* of the sheet the last one joined ends in */

	/* for the summary */
	RdeTally   *tally;			/* NULL: there is none */
	RdeSink    *digest;			/* of the archive */
} RdeXlsxBook;

/* What the rows' sheets look like, before there are any. */
extern const RdeWorkbook *rde_xlsx_book_frame(RdeFormatContext *context);

/* The first sheet; or where in a sheet the rows of a part begin. */
extern void rde_xlsx_book_begin(RdeFormatContext *context);
extern void rde_xlsx_book_begin_part(RdeFormatContext *context);

/* Bytes of the open sheet so far. */
extern uint64 rde_xlsx_book_bytes(const RdeFormatContext *context);

/*
 * A row comes: sees what is in it, and turns to the next sheet if it has no place in
 * this one.  Returns its number in the sheet.
 */
extern int	rde_xlsx_book_row(RdeFormatContext *context,
							  const RdeValue *values);

/* The open sheet has no more rows; the next one. */
extern void rde_xlsx_book_turn(RdeFormatContext *context);

/*
 * Enough was seen of the first sheet: its columns' widths are settled.  Of a part,
 * they are by who joins it.
 */
extern void rde_xlsx_book_settle(RdeFormatContext *context, bool more_rows);

/* The last sheet of rows has no more. */
extern void rde_xlsx_book_end(RdeFormatContext *context);

/* A sheet that is not of rows: its number, its XML around them, and they. */
extern void rde_xlsx_book_add(RdeFormatContext *context, int sheet,
							  const RdeSheetFrame *frame, const int *widths,
							  int ncolumns, RdeSink *rows);

/* How a workbook is put together of parts. */
extern const RdePartOps rde_xlsx_parts;

#endif							/* RDE_XLSX_BOOK_H */
