/*
 * xlsx_words.h
 *	  What the sheet "Summary" says, in the language of a report's locale.
 *
 * Invariant: every language has every word.  One more is a column more.
 */
#ifndef RDE_XLSX_WORDS_H
#define RDE_XLSX_WORDS_H

/* By name, in English and in German; UTF-8. */
#define RDE_XLSX_WORDS(WORD) \
	WORD(DATASET, "Data set", "Datenbestand") \
	WORD(VIEW, "View", "Ansicht") \
	WORD(RESELLER, "Reseller", "Reseller") \
	WORD(ALL, "all", "alle") \
	WORD(INVOICE, "Invoice", "Rechnung") \
	WORD(FROM, "From", "Von") \
	WORD(TO, "To (exclusive)", "Bis (ausschließlich)") \
	WORD(ZONE, "Time zone", "Zeitzone") \
	WORD(ROWS, "Rows", "Zeilen") \
	WORD(SHA256, "SHA-256 of the data", "SHA-256 der Daten") \
	WORD(CHECK, "To check it", "Zum Prüfen") \
	WORD(TOTALS, "Totals", "Summen") \
	WORD(CURRENCY, "Currency", "Währung") \
	WORD(SUM, "Sum", "Summe") \
	WORD(NONE, "(none)", "(ohne)") \
	WORD(OTHERS, "(others)", "(andere)") \
	WORD(OTHERS_UNSUMMED, "(others, not added up)", "(andere, nicht summiert)") \
	WORD(PER_STATUS, "Per status", "Je Status") \
	WORD(ROWS_PER_STATUS, "Rows per status", "Zeilen je Status") \
	WORD(DAY, "Day", "Tag") \
	WORD(PER_DAY, "Per day", "Je Tag") \
	WORD(ROWS_PER_DAY, "Rows per day", "Zeilen je Tag") \
	WORD(SUM_PER_DAY, "Sum per day", "Summe je Tag") \
	WORD(MONTH, "Month", "Monat") \
	WORD(PER_MONTH, "Per month", "Je Monat") \
	WORD(ROWS_PER_MONTH, "Rows per month", "Zeilen je Monat") \
	WORD(SUM_PER_MONTH, "Sum per month", "Summe je Monat") \
	WORD(YEAR, "Year", "Jahr") \
	WORD(PER_YEAR, "Per year", "Je Jahr") \
	WORD(ROWS_PER_YEAR, "Rows per year", "Zeilen je Jahr") \
	WORD(SUM_PER_YEAR, "Sum per year", "Summe je Jahr")

#define RDE_XLSX_WORD_NAME(name, en, de) RDE_WORD_##name,

typedef enum RdeXlsxWord
{
	RDE_XLSX_WORDS(RDE_XLSX_WORD_NAME)
	RDE_XLSX_WORD_COUNT
} RdeXlsxWord;

/* All words, by RdeXlsxWord: of "de", "de_AT" …; English of others and of NULL. */
extern const char *const *rde_xlsx_words(const char *locale);

#endif							/* RDE_XLSX_WORDS_H */
