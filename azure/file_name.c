/*
 * file_name.c
 *	  What a file is to be called where it is saved.
 *
 * Invariant: no name leads to another folder, or reads as another than it is.
 */
#include "file_name.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

static bool
is_control(pg_wchar c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

static bool
changes_direction(pg_wchar c)
{
	return c == 0x061C || c == 0x200E || c == 0x200F ||
		(c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

char *
azure_file_name(const char *utf8)
{
	StringInfoData name;
	bool		after_dot = false;
	int			length;

	initStringInfo(&name);
	for (const char *at = utf8; *at; at += length)
	{
		const unsigned char *character = (const unsigned char *) at;
		pg_wchar	c;

		length = strnlen(at, pg_utf_mblen(character));
		if (length < pg_utf_mblen(character))
			break;
		c = utf8_to_unicode(character);
		if (c == '/' || c == '\\' || (c == '.' && after_dot) ||
			is_control(c) || changes_direction(c))
			c = '_';
		after_dot = c == '.';
		if (c == '_')
			appendStringInfoChar(&name, '_');
		else
			appendBinaryStringInfo(&name, at, length);
	}
	return name.data;
}
