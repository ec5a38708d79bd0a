/*
 * text_test.c
 *	  Text as HTTP, JSON and logs need it.  Every text lies in an allocation of its
 *	  own size, so that a sanitizer sees what is read past its end.
 */
#include "gateway/text.h"

#include <stdlib.h>
#include <string.h>

#include "unit/bytes/texts.h"

static void
test_shapes(void)
{
	ok(text_is_uuid("3551fb2d-00ca-4ead-ae21-4c85c102bc5e") &&
	   text_is_uuid("3551FB2D-00CA-4EAD-AE21-4C85C102BC5E"), "UUIDs");
	ok(!text_is_uuid("") && !text_is_uuid("3551fb2d-00ca-4ead-ae21-4c85c102bc5") &&
	   !text_is_uuid("3551fb2d-00ca-4ead-ae21-4c85c102bc5e0") &&
	   !text_is_uuid("3551fb2d00ca-4ead-ae21-4c85c102bc5e-") &&
	   !text_is_uuid("3551fb2g-00ca-4ead-ae21-4c85c102bc5e") &&
	   !text_is_uuid("{551fb2d-00ca-4ead-ae21-4c85c102bc5}"), "no UUIDs");
	ok(text_is_date("2019-11-05") && text_is_date("2020-02-29") &&
	   text_is_date("2000-02-29") && text_is_date("0001-01-01") &&
	   text_is_date("9999-12-31"), "days");
	ok(!text_is_date("2019-02-29") && !text_is_date("1900-02-29") &&
	   !text_is_date("2019-13-01") && !text_is_date("2019-00-01") &&
	   !text_is_date("2019-01-00") && !text_is_date("2019-04-31") &&
	   !text_is_date("0000-01-01") && !text_is_date("2019-1-1") &&
	   !text_is_date("2019-01-01 ") && !text_is_date("+019-01-01") &&
	   !text_is_date(""), "no days");
	ok(text_is_word("a-1", 3, "-") && text_is_word("abc", 3, ""), "words");
	ok(!text_is_word("", 3, "-") && !text_is_word("abcd", 3, "") &&
	   !text_is_word("a b", 3, "-") && !text_is_word("\xC3\xA9", 3, "-"),
	   "no words");
}

static void
test_base64(void)
{
	char		result[16];

	ok(text_base64_decode(result, "") && strcmp(result, "") == 0 &&
	   text_base64_decode(result, "YQ==") && strcmp(result, "a") == 0 &&
	   text_base64_decode(result, "YTo=") && strcmp(result, "a:") == 0 &&
	   text_base64_decode(result, "YTpi") && strcmp(result, "a:b") == 0 &&
	   text_base64_decode(result, "w7w6Lz8+") && strcmp(result, "\xC3\xBC:/?>") == 0,
	   "base64");
	ok(!text_base64_decode(result, "YQ") && !text_base64_decode(result, "YQ=") &&
	   !text_base64_decode(result, "=") && !text_base64_decode(result, "====") &&
	   !text_base64_decode(result, "Y===") && !text_base64_decode(result, "YQ==YQ==") &&
	   !text_base64_decode(result, "Y Q=") && !text_base64_decode(result, "YTpi\n") &&
	   !text_base64_decode(result, "AAAA") && !text_base64_decode(result, "YQ-_"),
	   "no base64, or a NUL");
}

static void
test_random(void)
{
	char		one[TEXT_UUID_SIZE];
	char		other[TEXT_UUID_SIZE];
	char		time[TEXT_TIME_SIZE];

	text_random_uuid(one);
	text_random_uuid(other);
	ok(text_is_uuid(one) && one[14] == '4' && strchr("89ab", one[19]) != NULL &&
	   strcmp(one, other) != 0, "random UUIDs are of version 4 and differ");
	text_time(time);
	ok(strlen(time) == TEXT_TIME_SIZE - 1 && time[10] == 'T' && time[19] == '.' &&
	   time[23] == 'Z', "a time to the millisecond");
}

/* What one of text.c's functions prints. */
static char *
printed(void (*put) (FILE *, const char *), const char *text)
{
	char	   *result;
	size_t		size;
	FILE	   *out = open_memstream(&result, &size);

	put(out, text);
	fclose(out);
	return result;
}

static bool
prints(void (*put) (FILE *, const char *), const char *text, const char *expected)
{
	char	   *result = printed(put, text);
	bool		same = strcmp(result, expected) == 0;

	if (!same)
		show(result, text, strlen(text));
	free(result);
	return same;
}

static void
test_put(void)
{
	ok(prints(text_put_json, "a\"b\\c\n\x01\x7F", "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"") &&
	   prints(text_put_json, "Zo\xC3\xAB \xE2\x82\xAC \xF0\x9F\x98\x80",
			  "\"Zo\xC3\xAB \xE2\x82\xAC \xF0\x9F\x98\x80\""), "text_put_json");
	ok(prints(text_put_json, "\xC3", "\"\\ufffd\"") &&
	   prints(text_put_json, "\xED\xA0\x80", "\"\\ufffd\\ufffd\\ufffd\"") &&
	   prints(text_put_json, "\xC0\x80", "\"\\ufffd\\ufffd\"") &&
	   prints(text_put_json, "\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"") &&
	   prints(text_put_json, "\xE2\x82" "a", "\"\\ufffd\\ufffda\""),
	   "text_put_json of what is not UTF-8");
	ok(prints(text_put_printable, "a\\b\n\xC3\xA9~ ", "a\\x5cb\\x0a\\xc3\\xa9~ "),
	   "text_put_printable");
	ok(prints(text_put_percent, "a b/\xC3\xA9'!", "a%20b%2F%C3%A9%27!"),
	   "text_put_percent");
	ok(prints(text_put_ascii, "a b/\xC3\xA9\xE2\x82\xAC\xFF.csv", "a_b____.csv"),
	   "text_put_ascii");
}

static bool
saved_as(const char *text, const char *expected)
{
	char	   *name = text_file_name(text);
	bool		same = strcmp(name, expected) == 0;

	if (!same)
		show(name, text, strlen(text));
	free(name);
	return same;
}

static void
test_file_name(void)
{
	ok(saved_as("report.csv.gz", "report.csv.gz") &&
	   saved_as("Zo\xC3\xAB \xF0\x9F\x98\x80", "Zo\xC3\xAB \xF0\x9F\x98\x80"), "names that stay");
	ok(saved_as("../a\\b/c", "._" "_a_b_c") && saved_as("a\x01\x7F" "b", "a__b") &&
	   saved_as("a\xC2\x85" "b", "a_b"), "slashes, dots, control characters");
	ok(saved_as("gpj.\xE2\x80\xAE" "exe", "gpj._exe") &&
	   saved_as("a\xC3", "a_") && saved_as("\xED\xA0\x80", "___"),
	   "what turns round, and what is not UTF-8");
}

static void
test_decode(void)
{
	char		out[32];
	unsigned char bytes[3];

	ok(text_percent_decode(out, "a%20b%2f+", 9) && strcmp(out, "a b/+") == 0,
	   "text_percent_decode");
	ok(!text_percent_decode(out, "%", 1) && !text_percent_decode(out, "%2", 2) &&
	   !text_percent_decode(out, "%2g", 3) && !text_percent_decode(out, "a%00", 4) &&
	   !text_percent_decode(out, "%200", 2), "broken escapes");
	ok(text_hex_decode(bytes, "00aFfF", 3) && memcmp(bytes, "\x00\xAF\xFF", 3) == 0,
	   "text_hex_decode");
	ok(!text_hex_decode(bytes, "00aFf", 3) && !text_hex_decode(bytes, "00aFfF0", 3) &&
	   !text_hex_decode(bytes, "00aFfg", 3) && !text_hex_decode(bytes, "", 3),
	   "what is not hexadecimal, too short or too long");
	text_base64(out, (const unsigned char *) "light w", 7);
	ok(strcmp(out, "bGlnaHQgdw==") == 0, "text_base64, two over");
	text_base64(out, (const unsigned char *) "\xFB\xFF\xBF\x00\x01", 5);
	ok(strcmp(out, "+/+/AAE=") == 0, "text_base64, one over");
	text_base64(out, (const unsigned char *) "", 0);
	ok(out[0] == '\0', "text_base64 of nothing");
}

/* Whatever is printed is as promised, and percent reads back. */
static void
fuzz_put(long rounds)
{
	bool		good = true;

	for (long round = 0; round < rounds && good; round++)
	{
		size_t		len;
		char	   *random = random_text(&len);
		char	   *text = malloc(len + 1);
		char	   *json;
		char	   *percent;
		char	   *back;

		memcpy(text, random, len);
		text[len] = '\0';
		len = strlen(text);
		json = printed(text_put_json, text);
		for (const char *c = json; *c != '\0'; c++)
			good &= (unsigned char) *c >= ' ' && *c != 0x7F;
		percent = printed(text_put_percent, text);
		good &= strspn(percent, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789!#$&+-.^_`|~%") == strlen(percent);
		back = malloc(strlen(percent) + 1);
		good &= text_percent_decode(back, percent, strlen(percent)) &&
			strcmp(back, text) == 0;
		if (!good)
			show("text", text, len);
		free(random);
		free(text);
		free(json);
		free(percent);
		free(back);
	}
	ok(good, "JSON is printable, percent reads back");
}

int
main(int argc, char **argv)
{
	tap = stdout;
	test_shapes();
	test_base64();
	test_random();
	test_put();
	test_file_name();
	test_decode();
	fuzz_put(random_rounds(argc, argv) / 4);
	return done();
}
