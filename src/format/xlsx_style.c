/*
 * xlsx_style.c
 *	  How a workbook's cells show what they hold.
 *
 * Invariant: a number shows every decimal it has, and none of its digits turns
 * into an exponent unless there is no other way to show them.
 */
#include "postgres.h"

#include "format/xlsx_style.h"

static const char *const number_formats[] = {
	[RDE_XLSX_GENERAL] = NULL,
	[RDE_XLSX_HEADER] = NULL,
	[RDE_XLSX_NUMBER_HEADER] = NULL,
	[RDE_XLSX_TITLE] = NULL,
	[RDE_XLSX_RIGHT] = NULL,
	[RDE_XLSX_LEFT_DATE] = "yyyy-mm-dd",
	[RDE_XLSX_LEFT_TIME] = "yyyy-mm-dd hh:mm:ss",
	[RDE_XLSX_LEFT_COUNT] = "#,##0",
	[RDE_XLSX_DATE] = "yyyy-mm-dd",
	[RDE_XLSX_TIME] = "yyyy-mm-dd hh:mm:ss",
	[RDE_XLSX_WHOLE] = "0",
	[RDE_XLSX_FRACTION] = "0.########",
	/* some readers know no "#,##0.00######" */
	[RDE_XLSX_AMOUNT] = "#,##0",
	[RDE_XLSX_AMOUNT + 1] = "#,##0.0",
	[RDE_XLSX_AMOUNT + 2] = "#,##0.00",
	[RDE_XLSX_AMOUNT + 3] = "#,##0.000",
	[RDE_XLSX_AMOUNT + 4] = "#,##0.0000",
	[RDE_XLSX_AMOUNT + 5] = "#,##0.00000",
	[RDE_XLSX_AMOUNT + 6] = "#,##0.000000",
	[RDE_XLSX_AMOUNT + 7] = "#,##0.0000000",
	[RDE_XLSX_AMOUNT + 8] = "#,##0.00000000"
};

const char *
rde_xlsx_number_format(RdeXlsxStyle style)
{
	return number_formats[style];
}

RdeXlsxStyle
rde_xlsx_number_style(int decimals)
{
	/* a format with a point shows it behind whole numbers, too */
	return decimals == 0 ? RDE_XLSX_WHOLE :
		decimals <= RDE_XLSX_DECIMALS ? RDE_XLSX_FRACTION : RDE_XLSX_GENERAL;
}

#define CODE(a, b, c)	((unsigned char) (a) << 16 | \
						 (unsigned char) (b) << 8 | (unsigned char) (c))

/* How many decimals a currency has. */
static int
currency_decimals(const char *code, size_t len)
{
	if (code == NULL || len != 3)
		return 2;
	/* those of ISO 4217 that have not two */
	switch (CODE(code[0], code[1], code[2]))
	{
		case CODE('B', 'I', 'F'):
		case CODE('C', 'L', 'P'):
		case CODE('D', 'J', 'F'):
		case CODE('G', 'N', 'F'):
		case CODE('I', 'S', 'K'):
		case CODE('J', 'P', 'Y'):
		case CODE('K', 'M', 'F'):
		case CODE('K', 'R', 'W'):
		case CODE('P', 'Y', 'G'):
		case CODE('R', 'W', 'F'):
		case CODE('U', 'G', 'X'):
		case CODE('U', 'Y', 'I'):
		case CODE('V', 'N', 'D'):
		case CODE('V', 'U', 'V'):
		case CODE('X', 'A', 'F'):
		case CODE('X', 'O', 'F'):
		case CODE('X', 'P', 'F'):
			return 0;
		case CODE('B', 'H', 'D'):
		case CODE('I', 'Q', 'D'):
		case CODE('J', 'O', 'D'):
		case CODE('K', 'W', 'D'):
		case CODE('L', 'Y', 'D'):
		case CODE('O', 'M', 'R'):
		case CODE('T', 'N', 'D'):
			return 3;
		case CODE('C', 'L', 'F'):
		case CODE('U', 'Y', 'W'):
			return 4;
		default:
			return 2;
	}
}

RdeXlsxStyle
rde_xlsx_amount_style(int decimals, const char *currency, size_t len)
{
	if (decimals > RDE_XLSX_DECIMALS)
		return RDE_XLSX_GENERAL;
	return RDE_XLSX_AMOUNT + Max(decimals, currency_decimals(currency, len));
}
