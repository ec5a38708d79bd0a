/*
 * xlsx_words.c
 *	  What the sheet "Summary" says, in the language of a report's locale.
 */
#include "postgres.h"

#include "format/xlsx_words.h"

#define ENGLISH(name, en, de) en,
#define GERMAN(name, en, de) de,

static const char *const english[RDE_XLSX_WORD_COUNT] = {RDE_XLSX_WORDS(ENGLISH)};
static const char *const german[RDE_XLSX_WORD_COUNT] = {RDE_XLSX_WORDS(GERMAN)};

const char *const *
rde_xlsx_words(const char *locale)
{
	if (locale != NULL && strcspn(locale, "_-") == 2 &&
		strncmp(locale, "de", 2) == 0)
		return german;
	return english;
}
