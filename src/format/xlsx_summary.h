/*
 * xlsx_summary.h
 *	  The sheet "Summary": what a report is, totals, rows and sums per status and
 *	  day, and where its charts find them.
 */
#ifndef RDE_XLSX_SUMMARY_H
#define RDE_XLSX_SUMMARY_H

#include "format/tally.h"
#include "format/xlsx_shell.h"

/* Columns that it may need cells of. */
#define RDE_XLSX_SUMMARY_COLUMNS	(RDE_TALLY_CURRENCIES + 2)

/*
 * Write its rows.  The tally is finished; sha256 is the digest of the file's first
 * bytes, which hold all sheets of rows.  Fills charts, and widths for the columns
 * it uses, whose number it returns.
 */
extern int	rde_xlsx_write_summary(RdeFormatContext *context,
								   const RdeTally *tally, uint64 bytes,
								   const uint8 *sha256,
								   RdeXlsxCharts *charts, int *widths);

#endif							/* RDE_XLSX_SUMMARY_H */
