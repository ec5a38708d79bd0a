/*
 * xlsx_note.c
 *	  Notes at the titles of a sheet's columns: what a field is.
 */
#include "format/xlsx_note.h"

#include "bytes/utf8.h"

/* More would be a nuisance in front of the cells. */
#define MAX_NOTE		1000

/* A blank where XML has no character, in place. */
static void
clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c < ' ' && c != '\n')
			text[i] = ' ';
		/* U+FFFE and U+FFFF */
		else if (c == 0xEF && len - i > 2 &&
				 memcmp(text + i + 1, "\xBF\xBE", 2) >= 0 &&
				 memcmp(text + i + 1, "\xBF\xBF", 2) <= 0)
			memcpy(text + i, RDE_UTF8_REPLACEMENT, 3);
	}
}

static const char *
note_of(const RdeColumn *column)
{
	const char *utf8;
	char	   *text;
	size_t		len;

	if (column->description == NULL)
		return NULL;
	text = column->group ?
		psprintf("%s: %s", column->group, column->description) :
		pstrdup(column->description);
	utf8 = rde_text_to_utf8(text, strlen(text), &len);
	text = pnstrdup(utf8, rde_piece(utf8, len, MAX_NOTE));
	clean(text, strlen(text));
	return text;
}

const char **
rde_xlsx_notes(const RdeColumn *columns, int ncolumns)
{
	const char **notes = palloc0(sizeof(char *) * (ncolumns + 1));

	for (int i = 0; i < ncolumns; i++)
		notes[i] = note_of(&columns[i]);
	return notes;
}
