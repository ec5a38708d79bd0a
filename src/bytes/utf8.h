/*
 * utf8.h
 *	  Characters of UTF-8: where they end, what they are, how long text is.
 *
 * Broken UTF-8 is passed over byte by byte and never read past its end.
 */
#ifndef RDE_UTF8_H
#define RDE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RDE_UTF8_REPLACEMENT	"\xEF\xBF\xBD"	/* U+FFFD */

static inline bool
rde_utf8_continues(char c)
{
	return (c & 0xC0) == 0x80;
}

/*
 * The length of the longest prefix of src, at most max bytes, that does not
 * cut a UTF-8 character (or len, if that is not more than max).
 */
extern size_t rde_piece(const char *src, size_t len, size_t max);

/* Decode the character at src; its length, or 0 if the bytes are broken. */
extern size_t rde_utf8_decode(const char *src, const char *end,
							  uint32_t *code);

/* Length of UTF-8 text in UTF-16 code units, as Excel counts. */
extern size_t rde_utf16_length(const char *src, size_t len);

#endif							/* RDE_UTF8_H */
