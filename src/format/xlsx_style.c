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

/* How many decimals a currency has. */
static int
currency_decimals(const char *code, size_t len)
{
	/* those of ISO 4217 that have not two */
	static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX "
	"UYI VND VUV XAF XOF XPF";
	static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
	static const char four[] = "CLF UYW";
	char		text[4] = "";

	if (code == NULL || len != 3 || memchr(code, ' ', 3))
		return 2;
	memcpy(text, code, 3);
	return strstr(none, text) ? 0 : strstr(three, text) ? 3 :
		strstr(four, text) ? 4 : 2;
}

RdeXlsxStyle
rde_xlsx_amount_style(int decimals, const char *currency, size_t len)
{
	if (decimals > RDE_XLSX_DECIMALS)
		return RDE_XLSX_GENERAL;
	return RDE_XLSX_AMOUNT + Max(decimals, currency_decimals(currency, len));
}
