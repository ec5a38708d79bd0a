/*
 * url.c
 *	  What links are made of.
 */
#include "core/url.h"

#include "common/base64.h"
#include "core/compat.h"
#include "utils/timestamp.h"

void
rde_url_append(StringInfo url, const char *text, const char *kept)
{
	static const char digits[] = "0123456789ABCDEF";
	char	   *to;

	enlargeStringInfo(url, 3 * strlen(text));
	to = url->data + url->len;
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || *c == '-' || *c == '.' ||
			*c == '_' || *c == '~' || strchr(kept, *c) != NULL)
			*to++ = *c;
		else
		{
			*to++ = '%';
			*to++ = digits[*c >> 4];
			*to++ = digits[*c & 15];
		}
	}
	*to = '\0';
	url->len = to - url->data;
}

/* A number in `digits` digits and what follows it; returns what is behind. */
static char *
put_digits(char *to, int number, int digits, char then)
{
	for (int i = digits - 1; i >= 0; i--)
	{
		to[i] = '0' + number % 10;
		number /= 10;
	}
	to[digits] = then;
	return to + digits + 1;
}

const char *
rde_url_instant(TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *text;
	char	   *to;

	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0 ||
		tm.tm_year < 0 || tm.tm_year > 9999)
		return "9999-12-31T23:59:59Z";	/* kept for good */
	/* a list has three for each report, and sprintf takes its time */
	to = text = palloc(sizeof("yyyy-mm-ddThh:mi:ssZ"));
	to = put_digits(to, tm.tm_year, 4, '-');
	to = put_digits(to, tm.tm_mon, 2, '-');
	to = put_digits(to, tm.tm_mday, 2, 'T');
	to = put_digits(to, tm.tm_hour, 2, ':');
	to = put_digits(to, tm.tm_min, 2, ':');
	to = put_digits(to, tm.tm_sec, 2, 'Z');
	*to = '\0';
	return text;
}

bool
rde_url_parse_instant(const char *text, TimestampTz *instant)
{
	struct pg_tm tm = {0};
	int			end = 0;

	if (strlen(text) != 20 ||
		sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &tm.tm_year, &tm.tm_mon,
			   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
		end != 20)
		return false;

	/*
	 * sscanf() takes blanks, signs and a 13th month; written again it is the
	 * same
	 */
	return tm2timestamp(&tm, 0, NULL, instant) == 0 &&
		strcmp(rde_url_instant(*instant), text) == 0;
}

const char *
rde_url_base64(const uint8 *bytes, int length)
{
	int			size = pg_b64_enc_len(length) + 1;
	char	   *text = palloc(size);
	int			written = rde_b64_encode(bytes, length, text, size - 1);

	if (written < 0)
		elog(ERROR, "could not encode %d bytes", length);
	text[written] = '\0';
	return text;
}
