/*
 * utf8.c
 *	  Characters of UTF-8: where they end, what they are, how long text is.
 *
 * Invariant: nothing but src is read, whatever the bytes are.
 */
#include "bytes/utf8.h"

#include "bytes/swar.h"

/* The length a UTF-8 lead byte announces. */
static inline size_t
announced_length(uint8_t lead)
{
	return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t
rde_piece(const char *src, size_t len, size_t max)
{
	size_t		back;

	if (len <= max)
		return len;
	for (back = 0; back <= 3 && back <= max; back++)
	{
		if (!rde_utf8_continues(src[max - back]))
			return announced_length(src[max - back]) > back ?
				max - back : max;
	}
	return max;					/* no character is that long */
}

size_t
rde_utf8_decode(const char *src, const char *end, uint32_t *code)
{
	uint8_t		lead = *src;
	size_t		length = announced_length(lead);
	size_t		i;

	if (lead < 0x80)
	{
		*code = lead;
		return 1;
	}
	if (length == 1 || lead >= 0xF8 || (size_t) (end - src) < length)
		return 0;
	*code = lead & (0x7F >> length);
	for (i = 1; i < length; i++)
	{
		if (!rde_utf8_continues(src[i]))
			return 0;
		*code = *code << 6 | (src[i] & 0x3F);
	}
	return length;
}

/*
 * A code unit for every byte that is no continuation, and one more for every
 * lead byte of four.
 */
size_t
rde_utf16_length(const char *src, size_t len)
{
	size_t		units = 0;
	size_t		i = 0;

	for (; i + 8 <= len; i += 8)
	{
		uint64_t	word = swar_load8(src + i);
		uint64_t	continuation = word & ~(word << 1) & SWAR_HIGHS;
		uint64_t	four = word & (word << 1) & (word << 2) & (word << 3) &
		SWAR_HIGHS;

		/* the products' top bytes count the marked bytes */
		units += 8 - ((continuation >> 7) * SWAR_ONES >> 56) +
			((four >> 7) * SWAR_ONES >> 56);
	}
	for (; i < len; i++)
		units += !rde_utf8_continues(src[i]) + ((uint8_t) src[i] >= 0xF0);
	return units;
}
