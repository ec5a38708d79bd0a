/*
 * escape.c
 *	  Byte escapers: clean runs are copied as they are found, the odd byte
 *	  between them is written by hand.
 *
 * Invariant: nothing but src is read and nothing but the promised room at dst
 * is written, whatever the bytes are; escaping a text in the pieces that
 * rde_piece() cuts gives the same bytes as escaping it whole.
 */
#include "bytes/escape.h"

#include "bytes/swar.h"

#define ESCAPE(dst, text) \
	(memcpy(dst, text, sizeof(text) - 1), (dst) + sizeof(text) - 1)

#define REPLACEMENT "\xEF\xBF\xBD"	/* U+FFFD */

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

static inline bool
is_continuation(char c)
{
	return (c & 0xC0) == 0x80;
}

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
		if (!is_continuation(src[max - back]))
			return announced_length(src[max - back]) > back ?
				max - back : max;
	}
	return max;					/* no character is that long */
}

/*
 * CSV
 */
static inline uint64_t
csv_special(uint64_t word, char delimiter)
{
	return swar_equal(word, delimiter) | swar_equal(word, '"') |
		swar_equal(word, '\n') | swar_equal(word, '\r');
}

/* What is quoted though none of its bytes asks for it. */
static inline bool
csv_quoted_whole(const char *src, size_t len)
{
	return len == 0 || (len == 2 && src[0] == '\\' && src[1] == '.');
}

bool
rde_csv_needs_quotes(const char *src, size_t len, char delimiter)
{
	const char *end = src + len;

	if (csv_quoted_whole(src, len))
		return true;
	while (src < end)
	{
		size_t		left = end - src;
		uint64_t	mask = csv_special(left >= 8 ? swar_load8(src) :
									   swar_load_tail(src, left), delimiter);

		/* a delimiter may be the letter that fills a tail */
		if (mask != 0)
			return swar_first(mask) < left;
		if (left <= 8)
			break;
		src += 8;
	}
	return false;
}

char *
rde_copy_csv(char *dst, const char *src, size_t len, char delimiter)
{
	uint64_t	mask;

	if (csv_quoted_whole(src, len))
		return NULL;
	for (; len >= 8; len -= 8)
	{
		if (csv_special(swar_load8(src), delimiter) != 0)
			return NULL;
		memcpy(dst, src, 8);
		src += 8;
		dst += 8;
	}
	if (len > 0)
	{
		mask = csv_special(swar_load_tail(src, len), delimiter);
		if (mask != 0 && swar_first(mask) < len)
			return NULL;
		swar_copy_tail(dst, src, len);
	}
	return dst + len;
}

static inline uint64_t
csv_dirty(uint64_t word)
{
	return swar_equal(word, '"');
}

char *
rde_escape_csv(char *dst, const char *src, size_t len)
{
	const char *end = src + len;

	while ((src = swar_copy(&dst, src, end, csv_dirty)) < end)
	{
		dst = ESCAPE(dst, "\"\"");
		src++;
	}
	return dst;
}

/*
 * JSON
 */
static inline uint64_t
json_dirty(uint64_t word)
{
	return swar_equal(word, '"') | swar_equal(word, '\\') |
		swar_below(word, 0x20);
}

char *
rde_escape_json(char *dst, const char *src, size_t len)
{
	const char *end = src + len;

	while ((src = swar_copy(&dst, src, end, json_dirty)) < end)
	{
		uint8_t		c = *src++;

		switch (c)
		{
			case '"':
				dst = ESCAPE(dst, "\\\"");
				break;
			case '\\':
				dst = ESCAPE(dst, "\\\\");
				break;
			case '\b':
				dst = ESCAPE(dst, "\\b");
				break;
			case '\f':
				dst = ESCAPE(dst, "\\f");
				break;
			case '\n':
				dst = ESCAPE(dst, "\\n");
				break;
			case '\r':
				dst = ESCAPE(dst, "\\r");
				break;
			case '\t':
				dst = ESCAPE(dst, "\\t");
				break;
			default:
				dst = ESCAPE(dst, "\\u00");
				*dst++ = hex_lower[c >> 4];
				*dst++ = hex_lower[c & 0xF];
				break;
		}
	}
	return dst;
}

/*
 * XML
 */

/* U+FFFE and U+FFFF, the only forbidden characters above the controls */
static inline bool
is_noncharacter(const char *src, const char *end)
{
	return end - src >= 3 && (uint8_t) src[0] == 0xEF &&
		(uint8_t) src[1] == 0xBF && (uint8_t) src[2] >= 0xBE &&
		is_continuation(src[2]);
}

static inline uint64_t
xml_dirty(uint64_t word)
{
	/* '<' and '>' differ in one bit */
	return swar_equal(word, '&') |
		swar_equal(word & ~(SWAR_ONES * 0x02), '<') |
		swar_equal(word, 0xEF) | swar_below(word, 0x20);
}

static inline uint64_t
attribute_dirty(uint64_t word)
{
	return xml_dirty(word) | swar_equal(word, '"');
}

static inline uint64_t
xlsx_dirty(uint64_t word)
{
	return xml_dirty(word) | swar_equal(word, '_');
}

/*
 * Write what all XML escapers write alike for a dirty byte and return the
 * place behind it, or NULL if the caller has to.
 */
static inline char *
escape_markup(char *dst, const char **src, const char *end,
			  int64_t *replaced)
{
	char		c = **src;

	switch (c)
	{
		case '&':
			dst = ESCAPE(dst, "&amp;");
			break;
		case '<':
			dst = ESCAPE(dst, "&lt;");
			break;
		case '>':
			dst = ESCAPE(dst, "&gt;");
			break;
		case '\xEF':
			if (is_noncharacter(*src, end))
			{
				(*replaced)++;
				*src += 3;
				return ESCAPE(dst, REPLACEMENT);
			}
			*dst++ = c;
			break;
		default:
			return NULL;
	}
	(*src)++;
	return dst;
}

static SWAR_ALWAYS_INLINE char *
escape_xml(char *dst, const char *src, size_t len, int64_t *replaced,
		   bool attribute)
{
	const char *end = src + len;

	while ((src = swar_copy(&dst, src, end,
							attribute ? attribute_dirty : xml_dirty)) < end)
	{
		char	   *next = escape_markup(dst, &src, end, replaced);
		char		c;

		if (next != NULL)
		{
			dst = next;
			continue;
		}
		c = *src++;
		if (c == '\r')
			dst = ESCAPE(dst, "&#13;");
		else if (attribute && c == '"')
			dst = ESCAPE(dst, "&quot;");
		else if (attribute && c == '\t')
			dst = ESCAPE(dst, "&#9;");
		else if (attribute && c == '\n')
			dst = ESCAPE(dst, "&#10;");
		else if (c == '\t' || c == '\n')
			*dst++ = c;
		else
		{
			dst = ESCAPE(dst, REPLACEMENT);
			(*replaced)++;
		}
	}
	return dst;
}

char *
rde_escape_xml(char *dst, const char *src, size_t len, int64_t *replaced)
{
	return escape_xml(dst, src, len, replaced, false);
}

char *
rde_escape_xml_attribute(char *dst, const char *src, size_t len,
						 int64_t *replaced)
{
	return escape_xml(dst, src, len, replaced, true);
}

static inline bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
		(c >= 'A' && c <= 'F');
}

/* Characters that are written as _xHHHH_ in XLSX. */
static inline bool
is_xlsx_control(char c)
{
	return (uint8_t) c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

/*
 * Would a reader take the underscore at src for the beginning of an escape?
 * What closes it may be an underscore of the text, or the first one of an
 * escaped control character.
 */
static inline bool
begins_xlsx_escape(const char *src, const char *limit)
{
	return limit - src >= 7 && src[1] == 'x' &&
		is_hex(src[2]) && is_hex(src[3]) &&
		is_hex(src[4]) && is_hex(src[5]) &&
		(src[6] == '_' || is_xlsx_control(src[6]));
}

char *
rde_escape_xlsx(char *dst, const char *src, size_t len, size_t follow,
				int64_t *replaced)
{
	const char *end = src + len;

	while ((src = swar_copy(&dst, src, end, xlsx_dirty)) < end)
	{
		char	   *next = escape_markup(dst, &src, end, replaced);
		char		c;

		if (next != NULL)
		{
			dst = next;
			continue;
		}
		c = *src;
		if (c == '\r')
		{
			/* line breaks are line feeds; that of CRLF comes by itself */
			if (end + follow - src < 2 || src[1] != '\n')
				*dst++ = '\n';
			(*replaced)++;
		}
		else if (is_xlsx_control(c))
		{
			dst = ESCAPE(dst, "_x00");
			*dst++ = hex_upper[(uint8_t) c >> 4];
			*dst++ = hex_upper[(uint8_t) c & 0xF];
			*dst++ = '_';
		}
		else if (c == '_' && begins_xlsx_escape(src, end + follow))
			dst = ESCAPE(dst, "_x005F_");
		else
			*dst++ = c;
		src++;
	}
	return dst;
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
		units += !is_continuation(src[i]) + ((uint8_t) src[i] >= 0xF0);
	return units;
}

size_t
rde_xlsx_length(const char *src, size_t len)
{
	size_t		units = rde_utf16_length(src, len);
	const char *end = src + len;

	while ((src = memchr(src, '\r', end - src)) != NULL)
	{
		if (++src == end)
			break;
		units -= *src == '\n';
	}
	return units;
}

/*
 * XML names
 */

/* Decode one character; its length, or 0 if the bytes are broken. */
static size_t
decode_utf8(const char *src, const char *end, uint32_t *code)
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
		if (!is_continuation(src[i]))
			return 0;
		*code = *code << 6 | (src[i] & 0x3F);
	}
	return length;
}

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
	dst = ESCAPE(dst, "_x");
	for (; shift >= 0; shift -= 4)
		*dst++ = hex_upper[(code >> shift) & 0xF];
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
		size_t		length = decode_utf8(src, end, &code);

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
