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

typedef struct RdeWorkbook
{
	RdeZipEntry *parts;			/* of the archive the library made */
	int			nparts;

	int			styles[RDE_XLSX_STYLES];	/* numbers for a cell's s
											 * attribute */
} RdeWorkbook;

/*
 * A chart of two columns of the sheet "Summary": what is counted, and how much.
 * Rows and columns are counted from 0.
 */
typedef struct RdeXlsxChart
{
	const char *title;			/* ASCII */
	const char *number_format;	/* of what is counted; NULL: it is text */
	int			first_row;		/* behind the header */
	int			last_row;
	int			column;			/* of how much; what is counted is in the
								 * first */
	const double *counted;		/* the cells' values, NULL for text; */
	const double *values;		/* for readers that calculate nothing */
} RdeXlsxChart;

#define RDE_XLSX_CHARTS		3
#define RDE_XLSX_SUMMARY	"Summary"

typedef struct RdeXlsxCharts
{
	int			row;			/* where they lie, one below the other */
	int			column;
	int			count;
	RdeXlsxChart charts[RDE_XLSX_CHARTS];
} RdeXlsxCharts;

/* What a workbook is made of. */
typedef struct RdeXlsxPlan
{
	int			nsheets;		/* "Data", "Data 2" ... */
	const int  *nrows;			/* of each, with the header; NULL: not known */
	int			ncolumns;
	TimestampTz created;		/* for the document's properties */
	const char *const *notes;	/* of each column's title, UTF-8, or NULL;
								 * NULL without any */
	const RdeXlsxCharts *charts;	/* a sheet "Summary" behind all others;
									 * NULL: there is none */
} RdeXlsxPlan;

/*
 * Make a workbook of empty sheets.  Equal plans give equal parts, and what is said
 * of one sheet does not depend on how many there are, nor what is said of styles
 * on anything but whether there are notes.  Lies in the current context.
 */
extern RdeWorkbook *rde_workbook_create(const RdeXlsxPlan *plan);

/* The XML of a sheet around the widths of its columns and its rows, palloc'ed. */
typedef struct RdeSheetFrame
{
	char	   *head;			/* <cols> and <sheetData> belong behind it */
	char	   *tail;			/* begins with </sheetData> and ends, if there
								 * is a tail_end, where the number of the last
								 * row belongs */
	char	   *tail_end;		/* or NULL */
} RdeSheetFrame;

/*
 * Of a workbook whose nrows were NULL, or of a sheet "Summary"; sheets are counted
 * from 1.
 */
extern RdeSheetFrame rde_workbook_frame(const RdeWorkbook *workbook,
										int sheet);

/* Name of a sheet's part. */
#define RDE_SHEET_PART_FORMAT	"xl/worksheets/sheet%d.xml"
#define RDE_SHEET_PART_PREFIX	"xl/worksheets/sheet"

#endif							/* RDE_WORKBOOK_H */
