/*
 * url_test.c
 *	  What links are made of.
 */
#include "unit/server.h"

#include "core/url.h"
#include "utils/timestamp.h"

static bool
escapes_to(const char *text, const char *kept, const char *expected)
{
	StringInfoData url;

	initStringInfo(&url);
	appendStringInfoString(&url, "x/");
	rde_url_append(&url, text, kept);
	if (url.len != strlen(url.data) || strncmp(url.data, "x/", 2) != 0 ||
		strcmp(url.data + 2, expected) != 0)
	{
		show(expected, url.data, url.len);
		return false;
	}
	return true;
}

static void
test_append(void)
{
	StringInfoData all;
	StringInfoData url;
	bool		good = true;

	ok(escapes_to("", "", "") &&
	   escapes_to("AZaz09-._~", "", "AZaz09-._~"), "what is unreserved stays");
	ok(escapes_to("a b/c?d#e%f+g", "", "a%20b%2Fc%3Fd%23e%25f%2Bg"),
	   "what is not is escaped");
	ok(escapes_to("a b/c", "/", "a%20b/c"), "what is kept stays");
	ok(escapes_to("\xC3\xA9\xF0\x9F\x98\x80", "", "%C3%A9%F0%9F%98%80"),
	   "bytes of UTF-8, in capitals");

	initStringInfo(&all);
	initStringInfo(&url);
	for (int c = 1; c < 256; c++)
		appendStringInfoChar(&all, c);
	rde_url_append(&url, all.data, "");
	for (const char *c = url.data; *c != '\0'; c++)
		good &= *c == '%' || strchr("-._~", *c) != NULL || (*c >= '0' && *c <= '9') ||
			(*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
	ok(good && url.len == 66 + 3 * (255 - 66), "each byte there is");
}

static TimestampTz
instant(int year, int month, int day, int hour, int minute, int second)
{
	struct pg_tm tm = {0};
	TimestampTz result;

	tm.tm_year = year;
	tm.tm_mon = month;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	if (tm2timestamp(&tm, 0, NULL, &result) != 0)
		elog(ERROR, "not an instant");
	return result;
}

static void
test_instant(void)
{
	TimestampTz at = instant(2019, 11, 5, 9, 30, 7);
	TimestampTz read;

	ok(strcmp(rde_url_instant(at), "2019-11-05T09:30:07Z") == 0, "rde_url_instant");
	ok(strcmp(rde_url_instant(at + 999999), "2019-11-05T09:30:07Z") == 0 &&
	   strcmp(rde_url_instant(at + 1000000), "2019-11-05T09:30:08Z") == 0,
	   "the second it lies in");
	ok(strcmp(rde_url_instant(instant(1999, 12, 31, 23, 59, 59) - 1),
			  "1999-12-31T23:59:58Z") == 0, "before 2000 too");
	ok(strcmp(rde_url_instant(DT_NOEND), "9999-12-31T23:59:59Z") == 0 &&
	   strcmp(rde_url_instant(instant(10000, 1, 1, 0, 0, 0)), "9999-12-31T23:59:59Z") == 0,
	   "later than can be written");
	ok(rde_url_parse_instant("2019-11-05T09:30:07Z", &read) && read == at,
	   "rde_url_parse_instant");
	ok(rde_url_parse_instant(rde_url_instant(DT_NOEND), &read) &&
	   strcmp(rde_url_instant(read), "9999-12-31T23:59:59Z") == 0, "the last there is");
}

static void
test_bad_instants(void)
{
	static const char *const bad[] = {
		"", "2019-11-05T09:30:07", "2019-11-05T09:30:07Z ", "2019-11-05 09:30:07Z",
		"2019-11-05T09:30:7Z", "2019-11-05T09:30:07z", "19-11-05T09:30:07ZZZ",
		"2019-11-05T09:30:07+", "aaaa-bb-ccTdd:ee:ffZ",
		"2019-11-05T09:30: 7Z", "2019-11-05T09:+5:07Z", "2019-13-05T09:30:07Z",
		"2019-02-29T09:30:07Z", "2019-11-05T24:30:07Z", "2019-11-05T09:30:60Z"
	};
	bool		good = true;

	for (size_t i = 0; i < COUNT(bad); i++)
	{
		TimestampTz read;

		if (rde_url_parse_instant(bad[i], &read))
		{
			show(bad[i], bad[i], strlen(bad[i]));
			good = false;
		}
	}
	ok(good, "nothing else is read as one");
}

static void
test_base64(void)
{
	ok(strcmp(rde_url_base64((const uint8 *) "", 0), "") == 0 &&
	   strcmp(rde_url_base64((const uint8 *) "a", 1), "YQ==") == 0 &&
	   strcmp(rde_url_base64((const uint8 *) "\xFB\xFF\xBF\x00\x01", 5), "+/+/AAE=") == 0,
	   "rde_url_base64");
}

static void
unit(void)
{
	test_append();
	test_instant();
	test_bad_instants();
	test_base64();
}
