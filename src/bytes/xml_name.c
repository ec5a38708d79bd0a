/*
 * xml_name.c
 *	  Names of columns as names of XML elements.
 *
 * Invariant: what is written is a name in every edition of XML 1.0, if src is
 * UTF-8; nothing but src is read and nothing but the promised room at dst is
 * written, whatever the bytes are.
 */
#include "bytes/xml_name.h"

#include "bytes/put.h"
#include "bytes/utf8.h"

typedef struct CodeRange
{
	uint32_t	first;
	uint32_t	last;
} CodeRange;

/*
 * NameStartChar of XML 1.0 without the colon and without what the editions
 * before the fifth, which many readers keep to, had none of: symbols, CJK
 * punctuation, compatibility forms, everything beyond U+FFFF.
 */
static const CodeRange name_start[] = {
	{'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {0xC0, 0xD6}, {0xD8, 0xF6},
	{0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x3041, 0xD7FF}
};

/* what NameChar has beyond that */
static const CodeRange name_further[] = {
	{'-', '.'}, {'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}
};

static bool
in_ranges(uint32_t code, const CodeRange *ranges, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

#define IN_RANGES(code, ranges) \
	in_ranges(code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

static char *
escape_name_code(char *dst, uint32_t code)
{
	int			shift = 12;

	while (code >> shift > 0xF)
		shift += 4;
	dst = RDE_PUT(dst, "_x");
	for (; shift >= 0; shift -= 4)
		*dst++ = RDE_HEX_UPPER[(code >> shift) & 0xF];
	*dst++ = '_';
	return dst;
}

/* Names that begin with "xml", in any case, are reserved. */
static bool
begins_xml(const char *src, size_t len)
{
	return len >= 3 && (src[0] | 0x20) == 'x' && (src[1] | 0x20) == 'm' &&
		(src[2] | 0x20) == 'l';
}

char *
rde_escape_xml_name(char *dst, const char *src, size_t len)
{
	const char *begin = src;
	const char *end = src + len;

	if (len == 0)
		*dst++ = '_';
	while (src < end)
	{
		uint32_t	code;
		size_t		length = rde_utf8_decode(src, end, &code);

		if (length == 0)
		{
			*dst++ = *src++;
			continue;
		}
		if ((code == '_' && end - src > 1 && src[1] == 'x') ||
			(src == begin && begins_xml(src, len)) ||
			!(IN_RANGES(code, name_start) ||
			  (src > begin && IN_RANGES(code, name_further))))
			dst = escape_name_code(dst, code);
		else
		{
			memcpy(dst, src, length);
			dst += length;
		}
		src += length;
	}
	return dst;
}
