/*
 * url.c
 *	  What links are made of.
 */
#include "url.h"

#include "common/base64.h"
#include "compat.h"
#include "utils/timestamp.h"

void
rde_url_append(StringInfo url, const char *text, const char *kept)
{
	for (const unsigned char *c = (const unsigned char *) text; *c; c++)
	{
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			(*c >= '0' && *c <= '9') || strchr("-._~", *c) != NULL ||
			strchr(kept, *c) != NULL)
			appendStringInfoChar(url, *c);
		else
			appendStringInfo(url, "%%%02X", *c);
	}
}

const char *
rde_url_instant(TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0)
		return "9999-12-31T23:59:59Z";	/* kept for good */
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
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
	return tm2timestamp(&tm, 0, NULL, instant) == 0;
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
