/*
 * range_test.c
 *	  Range headers, lists of entity tags and dates, against RFC 9110.
 */
#include "gateway/range.h"

#include <stdlib.h>
#include <string.h>

#include "unit/tap.h"

typedef struct Case
{
	const char *header;
	uint64_t	size;
	RangeKind	kind;
	uint64_t	first;
	uint64_t	length;
} Case;

static void
test_cases(void)
{
	static const Case cases[] = {
		{NULL, 100, RANGE_WHOLE, 0, 100},
		{"bytes=0-0", 100, RANGE_PART, 0, 1},
		{"bytes=0-99", 100, RANGE_PART, 0, 100},
		{"bytes=99-", 100, RANGE_PART, 99, 1},
		{"bytes=10-19", 100, RANGE_PART, 10, 10},
		{"Bytes= 10-19 \t", 100, RANGE_PART, 10, 10},
		{"bytes=0-1000", 100, RANGE_PART, 0, 100},
		{"bytes=-1", 100, RANGE_PART, 99, 1},
		{"bytes=-100", 100, RANGE_PART, 0, 100},
		{"bytes=-1000", 100, RANGE_PART, 0, 100},
		{"bytes=100-", 100, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=100-200", 100, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-0", 100, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0},
		/* numbers that no file can have */
		{"bytes=0-18446744073709551615", 5, RANGE_PART, 0, 5},
		{"bytes=0-99999999999999999999999999", 5, RANGE_PART, 0, 5},
		{"bytes=18446744073709551616-", 5, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-99999999999999999999999999", 5, RANGE_PART, 0, 5},
		{"bytes=1-18446744073709551615", UINT64_MAX, RANGE_PART, 1,
		UINT64_MAX - 1},
		/* several, another unit, or nonsense: as if there were none */
		{"bytes=0-1,3-4", 100, RANGE_WHOLE, 0, 100},
		{"items=0-1", 100, RANGE_WHOLE, 0, 100},
		{"bytes 0-1", 100, RANGE_WHOLE, 0, 100},
		{"bytes=", 100, RANGE_WHOLE, 0, 100},
		{"bytes=-", 100, RANGE_WHOLE, 0, 100},
		{"bytes=5", 100, RANGE_WHOLE, 0, 100},
		{"bytes=5-4", 100, RANGE_WHOLE, 0, 100},
		{"bytes=5-6x", 100, RANGE_WHOLE, 0, 100},
		{"bytes=--5", 100, RANGE_WHOLE, 0, 100},
		{"bytes=0x1-2", 100, RANGE_WHOLE, 0, 100},
		{"bytes=+1-2", 100, RANGE_WHOLE, 0, 100},
		{"bytes=1 -2", 100, RANGE_WHOLE, 0, 100},
		{"", 100, RANGE_WHOLE, 0, 100}
	};

	for (size_t i = 0; i < COUNT(cases); i++)
	{
		const Case *c = &cases[i];
		uint64_t	first;
		uint64_t	length;
		RangeKind	kind = range_parse(c->header, c->size, &first, &length);

		/* what is unsatisfiable has no place */
		ok(kind == c->kind && (kind == RANGE_UNSATISFIABLE ||
							   (first == c->first && length == c->length)),
		   c->header == NULL ? "no header" : c->header);
	}
}

/* Whatever is sent, a part is a part of the file. */
static void
fuzz_parts(long rounds)
{
	static const char letters[] = "0123456789-,= \tbyx";
	bool		good = true;
	long		parts = 0;

	for (long round = 0; round < rounds && good; round++)
	{
		size_t		n = random_below(24);
		char	   *header = malloc(n + 7);
		uint64_t	size = random_below(4) == 0 ? 0 : random_below(1000);
		uint64_t	first;
		uint64_t	length;

		memcpy(header, "bytes=", 6);
		for (size_t i = 0; i < n; i++)
			header[6 + i] = letters[random_below(i < 3 ? 11 : sizeof(letters) - 1)];
		header[6 + n] = '\0';
		switch (range_parse(header, size, &first, &length))
		{
			case RANGE_PART:
				good = length > 0 && first < size && length <= size - first;
				parts++;
				break;
			case RANGE_WHOLE:
				good = first == 0 && length == size;
				break;
			case RANGE_UNSATISFIABLE:
				break;
		}
		if (!good)
			show(header, header, n + 6);
		free(header);
	}
	ok(good && parts > 0, "parts lie within the file");
}

static void
test_tags(void)
{
	static const char tag[] = "\"abc\"";

	ok(range_tag_in_list("\"abc\"", tag, false), "the tag alone");
	ok(range_tag_in_list("*", tag, false), "any tag");
	ok(range_tag_in_list("\"x\" , \"abc\"", tag, false), "the second one");
	ok(range_tag_in_list(",,\"abc\",", tag, false), "empty elements");
	ok(range_tag_in_list("W/\"abc\"", tag, true), "a weak one, compared weakly");
	ok(!range_tag_in_list("W/\"abc\"", tag, false), "and not strongly");
	ok(!range_tag_in_list("\"abcd\"", tag, true), "a longer one");
	ok(!range_tag_in_list("\"abc\"d", tag, true), "one with something behind it");
	ok(!range_tag_in_list("abc", tag, true), "one without quotes");
	ok(!range_tag_in_list("\"x,\"abc\"", tag, true), "within another's quotes");
	ok(!range_tag_in_list("\"x, \\\"abc", tag, true), "quotes that do not end");
	ok(!range_tag_in_list("", tag, true), "none");
}

static void
test_dates(void)
{
	static const char *const same[] = {
		"Tue, 12 Nov 2019 09:51:14 GMT", "Tuesday, 12-Nov-19 09:51:14 GMT",
		"Tue Nov 12 09:51:14 2019"
	};
	static const char *const bad[] = {
		"", "Tue, 12 Nov 2019 09:51:14", "Mon, 12 Nov 2019 09:51:14 GMT",
		"Tue, 12 Nov 2019 09:51:14 UTC", "Tue, 12 Nov 2019 09:51:14 GMT ",
		"Tue, 31 Feb 2019 09:51:14 GMT", "Tue, 12 Nov 2019 25:51:14 GMT",
		"2019-11-12T09:51:14Z", "1573552274"
	};
	char		text[RANGE_DATE_SIZE];
	time_t		moment;
	bool		good = true;

	range_date(text, 1573552274);
	ok(strcmp(text, same[0]) == 0, "range_date");
	for (size_t i = 0; i < COUNT(same); i++)
		good &= range_parse_date(same[i], &moment) && moment == 1573552274;
	ok(good, "the form of today and two older ones");
	good = !range_parse_date(NULL, &moment);
	for (size_t i = 0; i < COUNT(bad); i++)
	{
		if (range_parse_date(bad[i], &moment))
		{
			show(bad[i], bad[i], strlen(bad[i]));
			good = false;
		}
	}
	ok(good, "and nothing else");
}

int
main(int argc, char **argv)
{
	tap = stdout;
	test_cases();
	fuzz_parts(argc > 1 ? atol(argv[1]) : 1000000);
	test_tags();
	test_dates();
	return done();
}
