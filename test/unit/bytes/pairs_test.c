/*
 * pairs_test.c
 *	  The pairs scanner: what it takes, refuses and finds.
 *
 * The first argument is the number of random texts (1000000), the second one
 * the seed.
 *
 * Invariant: texts and results lie in allocations of exactly the promised
 * size, so that a sanitizer sees every byte too many.
 */
#include "bytes/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "bytes/escape.h"
#include "unit/bytes/texts.h"

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

	for (i = 0; i < COUNT(valid); i++)
		good &= rde_pairs_valid(valid[i], strlen(valid[i]));
	ok(good, "arrays of pairs are taken");

	good = true;
	for (i = 0; i < COUNT(invalid); i++)
	{
		if (rde_pairs_valid(invalid[i], strlen(invalid[i])))
		{
			fprintf(tap, "# taken: %s\n", invalid[i]);
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
	long		rounds = random_rounds(argc, argv);

	tap = stdout;
	test_pairs();
	test_unescape();
	test_bad_escapes();
	test_find();
	fuzz_pairs(rounds / 4);
	return done();
}
