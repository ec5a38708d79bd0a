/*
 * locale.c
 *	  Names of locales, and texts in several languages.
 *
 * Invariant: nothing is allocated; what is picked lies in the text it is picked from.
 */
#include "format/locale.h"

#include "core/compat.h"
#include "fmgr.h"
#include "utils/builtins.h"

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Length of a locale that a text begins with (en, en_US, pt-BR), or 0. */
static size_t
locale_length(const char *text, size_t len)
{
	size_t		n = 0;

	while (n < len && n < 3 && text[n] >= 'a' && text[n] <= 'z')
		n++;
	if (n < 2)
		return 0;
	if (n < len && (text[n] == '_' || text[n] == '-'))
	{
		size_t		region = n + 1;

		while (region < len && region - n <= 4 && is_letter(text[region]))
			region++;
		if (region - n < 3)
			return 0;
		n = region;
	}
	return n;
}

bool
rde_is_locale(const char *text, size_t len)
{
	return len > 0 && locale_length(text, len) == len;
}

static bool
same_locale(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		char		left = a[i] == '-' ? '_' : pg_ascii_tolower(a[i]);
		char		right = b[i] == '-' ? '_' : pg_ascii_tolower(b[i]);

		if (left != right)
			return false;
	}
	return true;
}

void
rde_locale_pick(const char **text, uint32 *length, const char *wanted)
{
	size_t		wanted_len = strlen(wanted);
	size_t		language = strcspn(wanted, "_-");
	const char *segment = *text;
	const char *end = *text + *length;
	const char *best = NULL;
	size_t		best_len = 0;
	int			best_rank = 0;

	for (;;)
	{
		const char *tab = memchr(segment, '\t', end - segment);
		size_t		len = (tab ? tab : end) - segment;
		size_t		locale = locale_length(segment, len);
		int			rank = 1;

		if (locale == 0 || locale == len || segment[locale] != ' ')
			return;
		if (locale == wanted_len && same_locale(segment, wanted, locale))
			rank = 3;
		else if (locale >= language && same_locale(segment, wanted, language) &&
				 strchr("_- ", segment[language]) != NULL)
			rank = 2;
		if (rank > best_rank)
		{
			best_rank = rank;
			best = segment + locale + 1;
			best_len = len - locale - 1;
		}
		if (tab == NULL)
			break;
		segment = tab + 1;
	}
	*text = best;
	*length = best_len;
}

PG_FUNCTION_INFO_V1(rde_is_locale_sql);

/* _rde_is_locale(locale text) → boolean */
Datum
rde_is_locale_sql(PG_FUNCTION_ARGS)
{
	text	   *locale = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(rde_is_locale(VARDATA_ANY(locale),
								 VARSIZE_ANY_EXHDR(locale)));
}
