/*
 * xlsx_shell.h
 *	  The shell of an XLSX file: everything but the rows, by libxlsxwriter.
 */
#ifndef RDE_WORKBOOK_H
#define RDE_WORKBOOK_H

#include "datatype/timestamp.h"
#include "file/zip.h"
#include "format/xlsx_style.h"

/* What an XLSX sheet can hold. */
#define RDE_XLSX_SHEET_ROWS		1048576
#define RDE_XLSX_SHEET_COLUMNS	16384

typedef struct RdeWorkbook
{
	RdeZipEntry *parts;			/* of the archive the library made */
	int			nparts;

	int			styles[RDE_XLSX_STYLES];	/* numbers for a cell's s
											 * attribute */
} RdeWorkbook;

/*
 * Make a workbook of nsheets empty sheets "Data", "Data 2" ...  nrows says how
 * many rows each will have, with the header; NULL if that is not known yet.
 * Equal arguments give equal parts, and what is said of one sheet does not
 * depend on how many there are.  `created` goes into the document's properties.
 * Lies in the current context.
 */
extern RdeWorkbook *rde_workbook_create(int nsheets, const int *nrows,
										int ncolumns, const double *widths,
										TimestampTz created);

/* The XML of a sheet around its rows, palloc'ed. */
typedef struct RdeSheetFrame
{
	char	   *head;			/* ends with <sheetData> */
	char	   *tail;			/* begins with </sheetData> and ends, if there
								 * is a tail_end, where the number of the last
								 * row belongs */
	char	   *tail_end;		/* or NULL */
} RdeSheetFrame;

/* Of a workbook whose nrows were NULL; sheets are counted from 1. */
extern RdeSheetFrame rde_workbook_frame(const RdeWorkbook *workbook,
										int sheet);

/* Name of a sheet's part. */
#define RDE_SHEET_PART_FORMAT	"xl/worksheets/sheet%d.xml"
#define RDE_SHEET_PART_PREFIX	"xl/worksheets/"

#endif							/* RDE_WORKBOOK_H */
