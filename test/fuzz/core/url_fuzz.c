/*
 * url_fuzz.c
 *	  What links are made of.
 */
#include "fuzz/server.h"

#include "core/url.h"

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* As a server reads a path or a query. */
static char *
unescape(const char *url)
{
	char	   *text = palloc(strlen(url) + 1);
	char	   *to = text;

	for (; *url != '\0'; url++)
	{
		if (*url != '%')
		{
			*to++ = *url;
			continue;
		}
		PROMISE(hex(url[1]) >= 0 && hex(url[2]) >= 0);
		*to++ = (char) (hex(url[1]) << 4 | hex(url[2]));
		url += 2;
	}
	*to = '\0';
	return text;
}

static void
check_append(const char *text, const char *kept)
{
	StringInfoData url;

	initStringInfo(&url);
	rde_url_append(&url, text, kept);
	PROMISE(url.len == strlen(url.data));
	PROMISE(strcmp(unescape(url.data), text) == 0);
	for (const char *c = url.data; *c != '\0'; c++)
		PROMISE(*c == '%' || strchr("-._~", *c) != NULL || strchr(kept, *c) != NULL ||
				(*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
				(*c >= 'A' && *c <= 'Z'));
}

static void
check_parse(const char *text)
{
	TimestampTz instant;

	if (rde_url_parse_instant(text, &instant))
		PROMISE(strcmp(rde_url_instant(instant), text) == 0);
}

/* Any instant there is, but for a year that has not four digits. */
static void
check_print(TimestampTz instant)
{
	TimestampTz again;
	const char *text = rde_url_instant(instant);

	PROMISE(rde_url_parse_instant(text, &again));
	if (again < instant)
		PROMISE(instant - again < USECS_PER_SEC || strncmp(text, "9999-12-31T23", 13) == 0);
	else
		PROMISE(again == instant || strncmp(text, "9999-12-31T23", 13) == 0);
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	char	   *string = take_string(&bytes);
	char	   *text = guarded(string, strlen(string) + 1);
	TimestampTz instant;

	free(string);
	check_append(text, "");
	check_append(text, "/");
	check_parse(text);
	PROMISE(strlen(rde_url_base64(data, (int) size)) == (size + 2) / 3 * 4);
	if (size >= sizeof(instant))
	{
		memcpy(&instant, data, sizeof(instant));
		check_print(instant);
	}
}
