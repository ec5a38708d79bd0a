/*
 * xlsx_shell.h
 *	  The shell of an XLSX file: everything but the rows, by libxlsxwriter.
 */
#ifndef RDE_WORKBOOK_H
#define RDE_WORKBOOK_H

#include "datatype/timestamp.h"
#include "file/zip.h"

/* What an XLSX sheet can hold. */
#define RDE_XLSX_SHEET_ROWS		1048576

typedef struct RdeWorkbook
{
	RdeZipEntry *parts;			/* of the archive the library made */
	int			nparts;

	/* cell styles: numbers for a cell's s attribute */
	int			header_style;
	int			date_style;
	int			time_style;
} RdeWorkbook;

/*
 * Make a workbook of nsheets empty sheets "Data", "Data 2" ...  Equal arguments
 * give equal parts, and what is said of one sheet does not depend on how many
 * there are.  `created` goes into the document's properties.  Lies in the
 * current context.
 */
extern RdeWorkbook *rde_workbook_create(int nsheets, int ncolumns,
										const double *widths,
										TimestampTz created);

/*
 * The XML of a sheet (counted from 1) before and after its rows, palloc'ed;
 * head ends with <sheetData>, tail begins with </sheetData>.
 */
extern void rde_workbook_frame(const RdeWorkbook *workbook, int sheet,
							   char **head, char **tail);

/* Name of a sheet's part. */
#define RDE_SHEET_PART_FORMAT	"xl/worksheets/sheet%d.xml"
#define RDE_SHEET_PART_PREFIX	"xl/worksheets/"

#endif							/* RDE_WORKBOOK_H */
