/*
 * markup.c
 *	  Text in XML and XLSX: clean runs are copied as they are found, the odd byte
 *	  between them is written by hand.
 *
 * Invariant: nothing but src is read and nothing but the promised room at dst
 * is written, whatever the bytes are; escaping a text in the pieces that
 * rde_piece() cuts gives the same bytes as escaping it whole.
 */
#include "bytes/markup.h"

#include "bytes/put.h"
#include "bytes/swar.h"
#include "bytes/utf8.h"

/* U+FFFE and U+FFFF, the only forbidden characters above the controls */
static inline bool
is_noncharacter(const char *src, const char *end)
{
	return end - src >= 3 && (uint8_t) src[0] == 0xEF &&
		(uint8_t) src[1] == 0xBF && (uint8_t) src[2] >= 0xBE &&
		rde_utf8_continues(src[2]);
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
			dst = RDE_PUT(dst, "&amp;");
			break;
		case '<':
			dst = RDE_PUT(dst, "&lt;");
			break;
		case '>':
			dst = RDE_PUT(dst, "&gt;");
			break;
		case '\xEF':
			if (is_noncharacter(*src, end))
			{
				(*replaced)++;
				*src += 3;
				return RDE_PUT(dst, RDE_UTF8_REPLACEMENT);
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
			dst = RDE_PUT(dst, "&#13;");
		else if (attribute && c == '"')
			dst = RDE_PUT(dst, "&quot;");
		else if (attribute && c == '\t')
			dst = RDE_PUT(dst, "&#9;");
		else if (attribute && c == '\n')
			dst = RDE_PUT(dst, "&#10;");
		else if (c == '\t' || c == '\n')
			*dst++ = c;
		else
		{
			dst = RDE_PUT(dst, RDE_UTF8_REPLACEMENT);
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
			dst = RDE_PUT(dst, "_x00");
			dst = rde_put_hex(dst, c, RDE_HEX_UPPER);
			*dst++ = '_';
		}
		else if (c == '_' && begins_xlsx_escape(src, end + follow))
			dst = RDE_PUT(dst, "_x005F_");
		else
			*dst++ = c;
		src++;
	}
	return dst;
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
