/*
 * escape_test.c
 *	  Escapers against slow, obvious references.
 *
 * The first argument is the number of random texts (1000000), the second one
 * the seed.
 *
 * Invariant: texts and results lie in allocations of exactly the promised
 * size, so that a sanitizer sees every byte too many.
 */
#include "bytes/escape.h"

#include <stdlib.h>
#include <string.h>

#include "bytes/markup.h"
#include "bytes/utf8.h"
#include "bytes/xml_name.h"
#include "unit/bytes/texts.h"

/*
 * References.  Each appends to a zeroed buffer.
 */
static void
append(char *dst, size_t *n, const char *text)
{
	memcpy(dst + *n, text, strlen(text));
	*n += strlen(text);
}

static bool
noncharacter_at(const char *src, size_t len, size_t i)
{
	return i + 3 <= len && (memcmp(src + i, "\xEF\xBF\xBE", 3) == 0 ||
							memcmp(src + i, "\xEF\xBF\xBF", 3) == 0);
}

static size_t
slow_csv(char *dst, const char *src, size_t len, int64_t *replaced)
{
	size_t		n = 0;
	size_t		i;

	(void) replaced;
	for (i = 0; i < len; i++)
	{
		if (src[i] == '"')
			dst[n++] = '"';
		dst[n++] = src[i];
	}
	return n;
}

static size_t
slow_json(char *dst, const char *src, size_t len, int64_t *replaced)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	size_t		n = 0;
	size_t		i;

	(void) replaced;
	for (i = 0; i < len; i++)
	{
		const char *found = src[i] ? strchr(from, src[i]) : NULL;

		if (found != NULL)
		{
			dst[n++] = '\\';
			dst[n++] = to[found - from];
		}
		else if ((unsigned char) src[i] < 0x20)
			n += sprintf(dst + n, "\\u%04x", src[i]);
		else
			dst[n++] = src[i];
	}
	return n;
}

static size_t
slow_markup(char *dst, const char *src, size_t len, int64_t *replaced,
			bool attribute)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		char		c = src[i];

		if (c == '&')
			append(dst, &n, "&amp;");
		else if (c == '<')
			append(dst, &n, "&lt;");
		else if (c == '>')
			append(dst, &n, "&gt;");
		else if (c == '"' && attribute)
			append(dst, &n, "&quot;");
		else if (c == '\r' || (attribute && (c == '\t' || c == '\n')))
			n += sprintf(dst + n, "&#%d;", c);
		else if ((unsigned char) c < 0x20 && c != '\t' && c != '\n')
		{
			append(dst, &n, "\xEF\xBF\xBD");
			(*replaced)++;
		}
		else if (noncharacter_at(src, len, i))
		{
			append(dst, &n, "\xEF\xBF\xBD");
			(*replaced)++;
			i += 2;
		}
		else
			dst[n++] = c;
	}
	return n;
}

static size_t
slow_xml(char *dst, const char *src, size_t len, int64_t *replaced)
{
	return slow_markup(dst, src, len, replaced, false);
}

static size_t
slow_attribute(char *dst, const char *src, size_t len, int64_t *replaced)
{
	return slow_markup(dst, src, len, replaced, true);
}

static bool
hex4_at(const char *text)
{
	return strspn(text, "0123456789abcdefABCDEF") >= 4;
}

/* What a reader makes of XLSX text: entities, then _xHHHH_. */
static size_t
read_xlsx(char *dst, const char *src, size_t len)
{
	char		plain[8 * MAX_TEXT];
	size_t		n = 0;
	size_t		done = 0;
	size_t		i;

	memset(plain, 0, sizeof(plain));
	for (i = 0; i < len; i++)
	{
		if (strncmp(src + i, "&amp;", 5) == 0)
			plain[n++] = '&', i += 4;
		else if (strncmp(src + i, "&lt;", 4) == 0)
			plain[n++] = '<', i += 3;
		else if (strncmp(src + i, "&gt;", 4) == 0)
			plain[n++] = '>', i += 3;
		else
			plain[n++] = src[i];
	}
	for (i = 0; i < n; i++)
	{
		if (plain[i] == '_' && plain[i + 1] == 'x' && hex4_at(plain + i + 2) &&
			plain[i + 6] == '_')
		{
			dst[done++] = (char) strtol(plain + i + 2, NULL, 16);
			i += 6;
		}
		else
			dst[done++] = plain[i];
	}
	return done;
}

static bool
slow_needs_quotes(const char *src, size_t len, char delimiter)
{
	if (len == 0 || (len == 2 && memcmp(src, "\\.", 2) == 0))
		return true;
	return memchr(src, delimiter, len) || memchr(src, '"', len) ||
		memchr(src, '\r', len) || memchr(src, '\n', len);
}

static size_t
slow_utf16(const char *src, size_t len)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		unsigned char c = src[i];

		n += c < 0x80 || c >= 0xC0;
		n += c >= 0xF0;
	}
	return n;
}

/*
 * One random text through one escaper, whole and in pieces.
 */
typedef char *(*Fast) (char *dst, const char *src, size_t len, size_t follow,
					   int64_t *replaced);
typedef size_t (*Slow) (char *dst, const char *src, size_t len,
						int64_t *replaced);

static char *
fast_csv(char *dst, const char *src, size_t len, size_t follow,
		 int64_t *replaced)
{
	(void) follow;
	(void) replaced;
	return rde_escape_csv(dst, src, len);
}

static char *
fast_json(char *dst, const char *src, size_t len, size_t follow,
		  int64_t *replaced)
{
	(void) follow;
	(void) replaced;
	return rde_escape_json(dst, src, len);
}

static char *
fast_xml(char *dst, const char *src, size_t len, size_t follow,
		 int64_t *replaced)
{
	(void) follow;
	return rde_escape_xml(dst, src, len, replaced);
}

static char *
fast_attribute(char *dst, const char *src, size_t len, size_t follow,
			   int64_t *replaced)
{
	(void) follow;
	return rde_escape_xml_attribute(dst, src, len, replaced);
}

static bool
pieces_agree(Fast fast, size_t factor, const char *src, size_t len,
			 size_t max, const char *whole, size_t whole_length,
			 int64_t whole_replaced)
{
	int64_t		replaced = 0;
	size_t		at = 0;
	size_t		done = 0;

	while (at < len)
	{
		size_t		n = rde_piece(src + at, len - at, max);
		char	   *out = malloc(factor * n);
		size_t		made;
		bool		same;

		if (n == 0 || n > max)
			return false;
		made = fast(out, src + at, n, len - at - n, &replaced) - out;
		same = made <= factor * n && done + made <= whole_length &&
			memcmp(out, whole + done, made) == 0;
		free(out);
		if (!same)
			return false;
		done += made;
		at += n;
	}
	return done == whole_length && replaced == whole_replaced;
}

static void
fuzz(const char *name, Fast fast, Slow slow, size_t factor, long rounds)
{
	long		round;

	for (round = 0; round < rounds; round++)
	{
		size_t		len;
		char	   *src = random_text(&len);
		char	   *out = malloc(factor * len);
		int64_t		replaced = 0;
		size_t		made = fast(out, src, len, 0, &replaced) - out;
		char		expected[8 * MAX_TEXT];
		int64_t		expected_replaced = 0;
		bool		good = true;
		size_t		max;

		memset(expected, 0, sizeof(expected));
		if (slow != NULL)
		{
			size_t		n = slow(expected, src, len, &expected_replaced);

			good = made == n && memcmp(out, expected, n) == 0 &&
				replaced == expected_replaced;
		}
		else
		{
			/* XLSX: no reference, but a reader must get the text back */
			char		text[8 * MAX_TEXT];
			char		back[8 * MAX_TEXT];
			size_t		n = 0;
			size_t		i;

			for (i = 0; i < len; i++)
			{
				if (noncharacter_at(src, len, i))
				{
					append(expected, &n, "\xEF\xBF\xBD");
					expected_replaced++;
					i += 2;
				}
				else if (src[i] == '\r')
				{
					expected_replaced++;
					if (i + 1 == len || src[i + 1] != '\n')
						expected[n++] = '\n';
				}
				else
					expected[n++] = src[i];
			}
			memset(text, 0, sizeof(text));
			memcpy(text, out, made);
			good = read_xlsx(back, text, made) == n &&
				memcmp(back, expected, n) == 0 &&
				replaced == expected_replaced;
			for (i = 0; i < made; i++)
				good &= (unsigned char) out[i] >= 0x20 || out[i] == '\t' ||
					out[i] == '\n';
		}

		if (round % 32 == 0)
		{
			for (max = 4; max <= len; max++)
				good &= pieces_agree(fast, factor, src, len, max,
									 out, made, replaced);
		}
		else
			good &= pieces_agree(fast, factor, src, len,
								 4 + random_below(MAX_TEXT),
								 out, made, replaced);
		if (!good)
		{
			show("text", src, len);
			show("made", out, made);
			ok(false, name);
			free(src);
			free(out);
			return;
		}
		free(src);
		free(out);
	}
	ok(true, name);
}

static void
fuzz_measures(long rounds)
{
	static const char delimiters[] = ",;\t|a";
	bool		quotes = true;
	bool		copies = true;
	bool		units = true;
	bool		pieces = true;
	long		round;

	for (round = 0; round < rounds; round++)
	{
		size_t		len;
		char	   *src = random_text(&len);
		char		delimiter = delimiters[random_below(5)];
		size_t		max = 4 + random_below(MAX_TEXT);
		size_t		piece = rde_piece(src, len, max);

		char	   *copy = malloc(len);
		char	   *end = rde_copy_csv(copy, src, len, delimiter);

		quotes &= rde_csv_needs_quotes(src, len, delimiter) ==
			slow_needs_quotes(src, len, delimiter);
		copies &= slow_needs_quotes(src, len, delimiter) ? end == NULL :
			end == copy + len && memcmp(copy, src, len) == 0;
		free(copy);
		units &= rde_utf16_length(src, len) == slow_utf16(src, len);
		pieces &= len <= max ? piece == len : piece + 3 >= max && piece <= max;
		free(src);
	}
	ok(quotes, "rde_csv_needs_quotes");
	ok(copies, "rde_copy_csv");
	ok(units, "rde_utf16_length");
	ok(pieces, "rde_piece is as long as it may be");
	ok(rde_piece("ab\xC3\xA9", 4, 3) == 2 &&
	   rde_piece("\xF0\x9F\x98\x80z", 5, 4) == 4 &&
	   rde_piece("a\xF0\x9F\x98\x80", 5, 4) == 1 &&
	   rde_piece("\x80\x80\x80\x80\x80", 5, 4) == 4,
	   "rde_piece cuts no character, and broken text anywhere");
}

static void
test_names(void)
{
	static const char *const names[][2] = {
		{"customerId", "customerId"},
		{"", "_"},
		{"order total", "order_x0020_total"},
		{"1st", "_x0031_st"},
		{"a1-b.c", "a1-b.c"},
		{"-a", "_x002D_a"},
		{"a:b", "a_x003A_b"},
		{"a_b", "a_b"},
		{"a_x0020_", "a_x005F_x0020_"},
		{"xmlData", "_x0078_mlData"},
		{"XML", "_x0058_ML"},
		{"axml", "axml"},
		{"<\"&'>", "_x003C__x0022__x0026__x0027__x003E_"},
		{"\n\x01", "_x000A__x0001_"},
		{"Stra\xC3\x9F" "e", "Stra\xC3\x9F" "e"},
		{"\xE9\xA1\xA7\xE5\xAE\xA2", "\xE9\xA1\xA7\xE5\xAE\xA2"},
		{"\xC2\xB7" "a\xC2\xB7", "_x00B7_a\xC2\xB7"},
		{"\xC3\x97", "_x00D7_"},
		{"a\xE2\x82\xAC", "a_x20AC_"},
		{"\xF0\x9F\x98\x80", "_x1F600_"},
		{"\xEF\xBF\xBF", "_xFFFF_"},
		{"\xEF\xBC\xA1\xE3\x80\x81", "_xFF21__x3001_"},
		{"\xD7\xA9\xE0\xB8\x81", "\xD7\xA9\xE0\xB8\x81"},
		/* letters that came after XML 1.0, and a mark in front */
		{"pre\xC8\x9B", "pre_x021B_"},
		{"\xE1\x8A\xA0", "_x12A0_"},
		{"\xE0\xB8\xB1" "a\xE0\xB8\xB1", "_x0E31_a\xE0\xB8\xB1"}
	};
	bool		good = true;
	size_t		i;

	for (i = 0; i < COUNT(names); i++)
	{
		char		out[256];
		size_t		len = strlen(names[i][0]);
		size_t		n = rde_escape_xml_name(out, names[i][0], len) - out;

		if (n != strlen(names[i][1]) || memcmp(out, names[i][1], n) != 0)
		{
			show(names[i][1], out, n);
			good = false;
		}
	}
	ok(good, "rde_escape_xml_name");
}

static void
fuzz_names(long rounds)
{
	bool		good = true;
	long		round;

	for (round = 0; round < rounds; round++)
	{
		size_t		len;
		char	   *src = random_text(&len);
		char	   *out = malloc(10 * len + 8);
		size_t		n = rde_escape_xml_name(out, src, len) - out;
		size_t		i;

		good &= n > 0 && ((out[0] & 0x80) != 0 || out[0] == '_' ||
						  (out[0] | 0x20) >= 'a');
		for (i = 0; i < n; i++)
			good &= strchr(" \t\r\n<>&\"'/=:;,()+@\\]\x01", out[i]) == NULL;
		free(src);
		free(out);
	}
	ok(good, "rde_escape_xml_name leaves no byte that ends a name");
}

int
main(int argc, char **argv)
{
	long		rounds = random_rounds(argc, argv);

	tap = stdout;
	fuzz("rde_escape_csv", fast_csv, slow_csv, 2, rounds);
	fuzz("rde_escape_json", fast_json, slow_json, 6, rounds);
	fuzz("rde_escape_xml", fast_xml, slow_xml, 6, rounds);
	fuzz("rde_escape_xml_attribute", fast_attribute, slow_attribute, 6,
		 rounds);
	fuzz("rde_escape_xlsx", rde_escape_xlsx, NULL, 7, rounds);
	fuzz_measures(rounds);
	test_names();
	fuzz_names(rounds / 4);
	return done();
}
