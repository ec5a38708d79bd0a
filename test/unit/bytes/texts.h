/*
 * texts.h
 *	  Random texts, made of what escapers and scanners trip over.
 */
#ifndef UNIT_TEXTS_H
#define UNIT_TEXTS_H

#include <stdlib.h>
#include <string.h>

#include "unit/tap.h"

#define MAX_TEXT	64

static const char *const fragments[] = {
	"\"", "\"\"", ",", ";", "\\", "\\.", "\r", "\n", "\t", " ", "'",
	"=", "+", "-", "@", "(", ")", ".", "1", "417", "&", "<", ">", "]]>",
	"_", "_x", "_x0041", "_x0041_", "x0042_", "_x00e9_", "_X0041_", "_x004",
	"_xG041_", "__x0041__", "\x01", "\x0B", "\x1F", "\x7F", "/", "a", "xml",
	"abcdefgh", "Business Toy", "\xC3\xA9", "\xE2\x82\xAC", "\xC2\x85",
	"\xF0\x9F\x98\x80", "\xEF\xBF\xBD", "\xEF\xBF\xBE", "\xEF\xBF\xBF",
	"\xEF\xBF", "\xEF", "\xEF\xBB\xBF", "\xBF", "\xC3", "\xE2\x82",
	"\xF0\x9F\x98", "\xF8", "\xFF", "\xC0\x80", "\xED\xA0\x80",
	"\x80\x80\x80\x80"
};

/* Any text, or one that is nearly all of one kind; never NUL-terminated. */
static inline char *
random_text(size_t *len)
{
	char		buffer[MAX_TEXT];
	size_t		want = random_below(MAX_TEXT - 16);
	size_t		used = 0;
	uint32_t	odd = 1 + random_below(4);
	char	   *text;

	while (used < want)
	{
		if (random_below(4) < odd)
		{
			const char *fragment = fragments[random_below(COUNT(fragments))];

			memcpy(buffer + used, fragment, strlen(fragment));
			used += strlen(fragment);
		}
		else if (random_below(16) == 0)
			buffer[used++] = (char) random_below(256);
		else
			buffer[used++] = (char) ('a' + random_below(26));
	}
	*len = used;
	text = malloc(used);
	if (used > 0)
		memcpy(text, buffer, used);
	return text;
}

/* main()'s arguments: how many random texts, and the seed */
static inline long
random_rounds(int argc, char **argv)
{
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10) | 1;
	return argc > 1 ? atol(argv[1]) : 1000000;
}

#endif							/* UNIT_TEXTS_H */
