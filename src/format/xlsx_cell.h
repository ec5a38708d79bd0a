/*
 * xlsx_cell.h
 *	  The cells of a workbook's rows.
 */
#ifndef RDE_XLSX_CELL_H
#define RDE_XLSX_CELL_H

#include "format/format.h"

/* Room for either half of <c r="AB12, copied as a whole. */
#define RDE_CELL_OPEN_MAX	16

typedef struct RdeXlsxColumn
{
	char		open[RDE_CELL_OPEN_MAX];	/* <c r="AB */
	int			open_length;
} RdeXlsxColumn;

/* What cells need to know.  The state of the format begins with it. */
typedef struct RdeXlsxCells
{
	RdeXlsxColumn *columns;
	int			header_style;
	int			date_style;
	int			time_style;
	char		row_text[RDE_CELL_OPEN_MAX];	/* number of the row */
	int			row_length;
} RdeXlsxCells;

/* Make the columns; rde_xlsx_begin_row() makes the rest but for the styles. */
extern void rde_xlsx_prepare_cells(RdeXlsxCells *cells, int ncolumns);

/* Write the opening tag of a row, counted from 1. */
extern void rde_xlsx_begin_row(RdeFormatContext *context, int64 row);

/* Write the cells of the header, or of a row of values. */
extern void rde_xlsx_write_header(RdeFormatContext *context);
extern void rde_xlsx_write_values(RdeFormatContext *context,
								  const RdeValue *values);

#endif							/* RDE_XLSX_CELL_H */
