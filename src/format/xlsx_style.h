/*
 * xlsx_style.h
 *	  How a workbook's cells show what they hold.
 */
#ifndef RDE_XLSX_STYLE_H
#define RDE_XLSX_STYLE_H

#include "postgres.h"

typedef enum RdeXlsxStyle
{
	RDE_XLSX_GENERAL,			/* as the spreadsheet likes */
	RDE_XLSX_HEADER,
	RDE_XLSX_NUMBER_HEADER,		/* of a column of numbers */
	RDE_XLSX_TITLE,
	RDE_XLSX_RIGHT,				/* text that ends where numbers do */
	RDE_XLSX_LEFT_DATE,			/* beginning where text does */
	RDE_XLSX_LEFT_TIME,
	RDE_XLSX_LEFT_COUNT,
	RDE_XLSX_DATE,
	RDE_XLSX_TIME,
	RDE_XLSX_WHOLE,
	RDE_XLSX_FRACTION,
	RDE_XLSX_AMOUNT				/* and so many decimals */
} RdeXlsxStyle;

/* Decimals that number formats show; more of them need the general one. */
#define RDE_XLSX_DECIMALS	8

#define RDE_XLSX_STYLES		(RDE_XLSX_AMOUNT + RDE_XLSX_DECIMALS + 1)

/* A style's number format in a spreadsheet's language; NULL for general. */
extern const char *rde_xlsx_number_format(RdeXlsxStyle style);

/* The style of a number with so many decimals. */
extern RdeXlsxStyle rde_xlsx_number_style(int decimals);

/* The same of an amount, with the code of its currency, or NULL. */
extern RdeXlsxStyle rde_xlsx_amount_style(int decimals, const char *currency,
										  size_t len);

#endif							/* RDE_XLSX_STYLE_H */
