/*
 * xlsx_cell.h
 *	  The cells of a workbook's rows.
 */
#ifndef RDE_XLSX_CELL_H
#define RDE_XLSX_CELL_H

#include "format/format.h"
#include "format/xlsx_style.h"

/* Room for what cells are put together from, each copied as a whole. */
#define RDE_CELL_OPEN_MAX	16

typedef struct RdeXlsxPiece
{
	char		text[RDE_CELL_OPEN_MAX];
	int			length;
} RdeXlsxPiece;

/* What cells need to know.  The state of the format begins with it. */
typedef struct RdeXlsxCells
{
	RdeXlsxPiece *columns;		/* <c r="AB */
	RdeXlsxPiece row;			/* its number */
	RdeXlsxPiece numbers[RDE_XLSX_STYLES];	/* " s="12"><v> */
	int			styles[RDE_XLSX_STYLES];
} RdeXlsxCells;

/* Prepare for columns and for styles, numbered as the workbook has them. */
extern void rde_xlsx_prepare_cells(RdeXlsxCells *cells, int ncolumns,
								   const int *styles);

/* Write the opening tag of a row, counted from 1. */
extern void rde_xlsx_begin_row(RdeFormatContext *context, int64 row);

/* Write the cells of the header, or of a row of values. */
extern void rde_xlsx_write_header(RdeFormatContext *context);
extern void rde_xlsx_write_values(RdeFormatContext *context,
								  const RdeValue *values);

/*
 * Cells that are not of the report's columns, but of a summary: text of at most
 * 32,767 characters; how many; a sum of a currency, as PostgreSQL prints numeric;
 * a day; a moment in the report's zone.  Columns are counted from 0.
 */
extern void rde_xlsx_write_label(RdeFormatContext *context, int column,
								 RdeXlsxStyle style, const char *text,
								 size_t len);
extern void rde_xlsx_write_count(RdeFormatContext *context, int column,
								 RdeXlsxStyle style, int64 count);
extern void rde_xlsx_write_sum(RdeFormatContext *context, int column,
							   const char *sum, const char *currency,
							   size_t currency_length);
extern void rde_xlsx_write_day(RdeFormatContext *context, int column,
							   DateADT day);
extern void rde_xlsx_write_instant(RdeFormatContext *context, int column,
								   TimestampTz time);

#endif							/* RDE_XLSX_CELL_H */
