/*
 * escape_test.c
 *	  Escapers and the pairs scanner against slow, obvious references.
 *
 * Built without PostgreSQL, best with -fsanitize=address,undefined:
 *	  cc -Isrc test/unit/escape_test.c src/bytes/{escape,pairs,formula}.c
 * Prints TAP.  The first argument is the number of random texts (1000000),
 * the second one the seed.
 *
 * Invariant: texts and results lie in allocations of exactly the promised
 * size, so that a sanitizer sees every byte too many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes/escape.h"
#include "bytes/formula.h"
#include "bytes/pairs.h"

#define MAX_TEXT	64

static int	tests;
static int	failures;

static void
ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
	fflush(stdout);
}

static void
show(const char *what, const char *text, size_t len)
{
	size_t		i;

	printf("# %s:", what);
	for (i = 0; i < len; i++)
		printf(" %02x", (unsigned char) text[i]);
	printf("\n");
}

static uint64_t seed = 1;

static uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) (seed >> 32) % n;
}

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

#define FRAGMENTS	(sizeof(fragments) / sizeof(fragments[0]))

/* Any text, or one that is nearly all of one kind; never NUL-terminated. */
static char *
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
			const char *fragment = fragments[random_below(FRAGMENTS)];

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
test_formulas(void)
{
	static const char *const formulas[] = {
		"=1+1", "@SUM(A1)", "\t=1", "\r", "\n=1", "+A1", "-A1", "-1-2",
		"-5+3", "+1-2", "-1e5", "+1/2", "-2*3", "--1", "+-1", "-5,00",
		"+1\t2", "+cmd|' /C calc'!A0", "-\xC3\xA9", "+1 (417) x12",
		"+49 -30", "- -5", "+(1)-(2)", "-(1)-(2)", "-(1) - (2)", "-1.5-.5",
		"+49-30-1234567", "+(1-2)", "\xEF\xBC\x9D" "1+1", "\xEF\xBC\xA0" "A1",
		"\xEF\xBC\x8B" "1", "\xEF\xBC\x8D" "1"
	};
	static const char *const harmless[] = {
		"", "a", " =1", "'=1", "1+1", "a@b.example", "+", "-", "-5", "-5.00",
		"+1 (417) 7122740", "+49 (0) 30 - 123", "+1 (417)-712", "+1.417.712",
		"(417) 712", "1-2", "\"=1", "- 5", "+1 (417) 712-2740", "+1 417-712",
		"+1(417)-712", "-(1)(2)-3", "-(1)", "\xEF\xBC", "\xEF\xBC\x9E" "1"
	};
	bool		good = true;
	size_t		i;

	for (i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++)
		good &= rde_csv_is_formula(formulas[i], strlen(formulas[i]));
	ok(good, "formulas are guarded");

	good = true;
	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		good &= !rde_csv_is_formula(harmless[i], strlen(harmless[i]));
	ok(good, "numbers and phone numbers are not");
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
		{"\xD7\xA9\xE0\xB8\x81", "\xD7\xA9\xE0\xB8\x81"}
	};
	bool		good = true;
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
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

/*
 * Pairs
 */
static void
test_pairs(void)
{
	static const char *const valid[] = {
		"[]", " [ ] ", "[[\"a\",\"b\"]]", "[[\"a\",\"b\"],[\"c\",null]]",
		" [ [ \"a\" , -1.5e+3 ] ,\n[\"b\",true],[\"\",\"\"]]\t",
		"[[\"a\",0],[\"b\",0.1],[\"c\",1E2],[\"d\",false]]",
		"[[\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\ud83d\\ude00\"]]"
	};
	static const char *const invalid[] = {
		"", "[", "]", "null", "{}", "\"a\"", "[]]", "[] x", "[[]]", "[,]",
		"[[\"a\"]]", "[[\"a\",]]", "[[\"a\",\"b\"],]", "[[\"a\",\"b\",\"c\"]]",
		"[[\"a\",[]]]", "[[\"a\",{}]]", "[[1,\"b\"]]", "[[\"a\",01]]",
		"[[\"a\",1.]]", "[[\"a\",.5]]", "[[\"a\",+1]]", "[[\"a\",1e]]",
		"[[\"a\",-]]", "[[\"a\",nul]]", "[[\"a\",truer]]", "[[\"a\",\"b]]",
		"[[\"a\",\"\\x\"]]", "[[\"a\",\"\\u12g4\"]]", "[[\"a\",\"\n\"]]",
		"[[\"a\",\"b\"]", "[[\"a\",\"b\"] [\"c\",1]]", "[[\"a\" \"b\"]]",
		"[[\"a\",\"\\", "[[\"a\",\"\\u00"
	};
	bool		good = true;
	size_t		i;

	for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		good &= rde_pairs_valid(valid[i], strlen(valid[i]));
	ok(good, "arrays of pairs are taken");

	good = true;
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
	{
		if (rde_pairs_valid(invalid[i], strlen(invalid[i])))
		{
			printf("# taken: %s\n", invalid[i]);
			good = false;
		}
	}
	ok(good, "anything else is not");
}

static bool
unescapes_to(const char *src, size_t room, const char *expected,
			 int64_t expected_replaced)
{
	char	   *out = malloc(room);
	const char *end = src + strlen(src);
	int64_t		replaced = 0;
	bool		good = true;

	while (good && src < end)
	{
		size_t		n = rde_pairs_unescape(out, room, &src, end,
										   &replaced) - out;

		good = n > 0 && strncmp(out, expected, n) == 0;
		expected += n;
	}
	free(out);
	return good && *expected == '\0' && replaced == expected_replaced;
}

static void
test_unescape(void)
{
	bool		good = true;
	size_t		room;

	for (room = 4; room < 40; room++)
	{
		good &= unescapes_to("plain \xE2\x82\xAC text", room,
							 "plain \xE2\x82\xAC text", 0);
		good &= unescapes_to("\\\"\\\\\\/\\b\\f\\n\\r\\tx", room,
							 "\"\\/\b\f\n\r\tx", 0);
		good &= unescapes_to("\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!", room,
							 "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!", 0);
		good &= unescapes_to("\\ud83dx\\ude00\\ud83d\\u0041\\ud83d", room,
							 "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
							 "A\xEF\xBF\xBD", 4);
		good &= unescapes_to("a\\u0000b\\u0001", room,
							 "a\xEF\xBF\xBD" "b\x01", 1);
	}
	ok(good, "rde_pairs_unescape");
}

static void
test_bad_escapes(void)
{
	static const char text[] =
	"[\"\\u0000\\\\u0000\\ud83d\\ude00\",\"\\ude00\\n\\ud83d\\ud83d\\ude00\\uD83D\"]";
	static const int places[] = {2, 30, 38, 56};
	const char *end = text + strlen(text);
	const char *at = text;
	bool		good = true;
	int			i;

	for (i = 0; i < 4; i++)
	{
		at = rde_json_bad_escape(at, end);
		good &= at == text + places[i];
		at += 6;
	}
	ok(good && rde_json_bad_escape(at, end) == end, "rde_json_bad_escape");
}

static void
test_find(void)
{
	static const char text[] =
	"[[\"PONumber\",\"qwe1233\"],[\"caf\\u00e9\",12],"
	"[\"PONumber\",\"second\"],[\"none\",null]]";
	size_t		len = strlen(text);
	RdePair		pair;

	ok(rde_pairs_find(text, len, "PONumber", 8, &pair) &&
	   pair.kind == RDE_PAIR_STRING && pair.value_length == 7 &&
	   memcmp(pair.value, "qwe1233", 7) == 0 &&
	   rde_pairs_find(text, len, "caf\xC3\xA9", 5, &pair) &&
	   pair.kind == RDE_PAIR_LITERAL && pair.value_length == 2 &&
	   rde_pairs_find(text, len, "none", 4, &pair) &&
	   pair.kind == RDE_PAIR_NULL &&
	   !rde_pairs_find(text, len, "PO", 2, &pair) &&
	   !rde_pairs_find(text, len, "PONumber2", 9, &pair) &&
	   !rde_pairs_find(text, len, "", 0, &pair) &&
	   !rde_pairs_find("{}", 2, "a", 1, &pair), "rde_pairs_find");
}

/* Texts of the database hold no NUL, and JSON's reads as another character. */
static char *
text_without_nul(size_t *len)
{
	char	   *text = random_text(len);
	size_t		i;

	for (i = 0; i < *len; i++)
		text[i] = text[i] ? text[i] : '0';
	return text;
}

/* A random name and value written as JSON must read back; so must no half. */
static void
fuzz_pairs(long rounds)
{
	bool		good = true;
	long		round;

	for (round = 0; round < rounds && good; round++)
	{
		size_t		name_length;
		size_t		value_length;
		char	   *name = text_without_nul(&name_length);
		char	   *value = text_without_nul(&value_length);
		char		buffer[16 * MAX_TEXT];
		char	   *p = buffer;
		char	   *json;
		size_t		len;
		size_t		cut;
		RdePair		pair;

		memcpy(p, "[[\"", 3);
		p = rde_escape_json(p + 3, name, name_length);
		memcpy(p, "\",\"", 3);
		p = rde_escape_json(p + 3, value, value_length);
		memcpy(p, "\"]]", 3);
		len = p + 3 - buffer;

		json = malloc(len);
		memcpy(json, buffer, len);
		good = rde_pairs_valid(json, len) &&
			rde_pairs_find(json, len, name, name_length, &pair);
		if (good)
		{
			char	   *out = malloc(pair.value_length);
			const char *src = pair.value;
			int64_t		replaced = 0;
			size_t		n;

			n = rde_pairs_unescape(out, pair.value_length, &src,
								   src + pair.value_length, &replaced) - out;
			good = n == value_length &&
				(n == 0 || memcmp(out, value, n) == 0);
			free(out);
		}
		free(json);

		/* a cut text, and a changed one, in allocations of their own */
		cut = random_below((uint32_t) len);
		json = malloc(cut);
		memcpy(json, buffer, cut);
		good &= !rde_pairs_valid(json, cut);
		if (cut > 0)
		{
			json[random_below((uint32_t) cut)] = (char) random_below(256);
			rde_pairs_valid(json, cut);
		}
		free(json);
		if (!good)
			show("json", buffer, len);
		free(name);
		free(value);
	}
	ok(good, "pairs read back, cut ones are refused");
}

int
main(int argc, char **argv)
{
	long		rounds = argc > 1 ? atol(argv[1]) : 1000000;

	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10) | 1;

	fuzz("rde_escape_csv", fast_csv, slow_csv, 2, rounds);
	fuzz("rde_escape_json", fast_json, slow_json, 6, rounds);
	fuzz("rde_escape_xml", fast_xml, slow_xml, 6, rounds);
	fuzz("rde_escape_xml_attribute", fast_attribute, slow_attribute, 6,
		 rounds);
	fuzz("rde_escape_xlsx", rde_escape_xlsx, NULL, 7, rounds);
	fuzz_measures(rounds);
	test_formulas();
	test_names();
	fuzz_names(rounds / 4);
	test_pairs();
	test_unescape();
	test_bad_escapes();
	test_find();
	fuzz_pairs(rounds / 4);
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
