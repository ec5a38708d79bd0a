/*
 * escape.c
 *	  Text in CSV and JSON: clean runs are copied as they are found, the odd byte
 *	  between them is written by hand.
 *
 * Invariant: nothing but src is read and nothing but the promised room at dst
 * is written, whatever the bytes are; escaping a text in the pieces that
 * rde_piece() cuts gives the same bytes as escaping it whole.
 */
#include "bytes/escape.h"

#include "bytes/put.h"
#include "bytes/swar.h"
#include "bytes/vector.h"

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

static inline bool
csv_any_special(Vector vector, Vector delimiter)
{
	return vector_any(vector_equal(vector, delimiter) |
					  vector_equal(vector, vector_fill('"')) |
					  vector_equal(vector, vector_fill('\n')) |
					  vector_equal(vector, vector_fill('\r')));
}

/* What is longer than a vector; the last one overlaps the one before it. */
static char *
copy_long_csv(char *dst, const char *src, size_t len, Vector delimiter)
{
	size_t		last = len - VECTOR_SIZE;

	for (size_t at = 0; at < last; at += VECTOR_SIZE)
	{
		if (csv_any_special(vector_load(src + at), delimiter))
			return NULL;
		memcpy(dst + at, src + at, VECTOR_SIZE);
	}
	if (csv_any_special(vector_load(src + last), delimiter))
		return NULL;
	memcpy(dst + last, src + last, VECTOR_SIZE);
	return dst + len;
}

char *
rde_copy_csv(char *dst, const char *src, size_t len, char delimiter)
{
	uint64_t	mask;

	if (len > VECTOR_SIZE)
		return copy_long_csv(dst, src, len, vector_fill(delimiter));
	if (len >= 8)
	{
		if (csv_any_special(vector_load_short(src, len), vector_fill(delimiter)))
			return NULL;
		memcpy(dst, src, 8);
		memcpy(dst + len - 8, src + len - 8, 8);
		return dst + len;
	}
	if (csv_quoted_whole(src, len))
		return NULL;
	/* a delimiter may be the letter that fills a tail */
	mask = csv_special(swar_load_tail(src, len), delimiter);
	if (mask != 0 && swar_first(mask) < len)
		return NULL;
	swar_copy_tail(dst, src, len);
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
		dst = RDE_PUT(dst, "\"\"");
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
				dst = RDE_PUT(dst, "\\\"");
				break;
			case '\\':
				dst = RDE_PUT(dst, "\\\\");
				break;
			case '\b':
				dst = RDE_PUT(dst, "\\b");
				break;
			case '\f':
				dst = RDE_PUT(dst, "\\f");
				break;
			case '\n':
				dst = RDE_PUT(dst, "\\n");
				break;
			case '\r':
				dst = RDE_PUT(dst, "\\r");
				break;
			case '\t':
				dst = RDE_PUT(dst, "\\t");
				break;
			default:
				dst = RDE_PUT(dst, "\\u00");
				dst = rde_put_hex(dst, c, RDE_HEX_LOWER);
				break;
		}
	}
	return dst;
}
