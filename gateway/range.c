/*
 * range.c
 *	  Conditional and partial requests (RFC 9110).
 *
 * Invariant: a part has at least one byte and lies within the file.
 */
#include "range.h"

#include <string.h>
#include <strings.h>

#define DIGITS			"0123456789"

/* A number at *at, which moves past it; too large a one becomes the largest. */
static uint64_t
parse_number(const char **at)
{
	uint64_t	result = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
	{
		unsigned int digit = **at - '0';

		if (result > (UINT64_MAX - digit) / 10)
			result = UINT64_MAX;
		else
			result = result * 10 + digit;
	}
	return result;
}

RangeKind
range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *length)
{
	uint64_t	last = UINT64_MAX;
	bool		suffix;
	const char *at;

	*first = 0;
	*length = size;
	if (header == NULL || strncasecmp(header, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	at = header + 6;
	at += strspn(at, " \t");
	suffix = *at == '-';
	if (!suffix)
	{
		if (strspn(at, DIGITS) == 0)
			return RANGE_WHOLE;
		*first = parse_number(&at);
		if (*at != '-')
		{
			*first = 0;
			return RANGE_WHOLE;
		}
	}
	at++;
	if (strspn(at, DIGITS) > 0)
		last = parse_number(&at);
	else if (suffix)
		return RANGE_WHOLE;
	at += strspn(at, " \t");
	if (*at != '\0' || (!suffix && last < *first))
	{
		*first = 0;
		return RANGE_WHOLE;
	}

	if (suffix)
	{
		/* the last bytes */
		if (last == 0 || size == 0)
			return RANGE_UNSATISFIABLE;
		*length = last < size ? last : size;
		*first = size - *length;
		return RANGE_PART;
	}
	if (*first >= size)
		return RANGE_UNSATISFIABLE;
	*length = (last < size ? last + 1 : size) - *first;
	return RANGE_PART;
}

bool
range_tag_in_list(const char *header, const char *tag, bool weak)
{
	size_t		length = strlen(tag);

	for (;;)
	{
		bool		is_weak;

		header += strspn(header, " \t,");
		if (*header == '\0')
			return false;
		if (*header == '*')
			return true;
		is_weak = strncmp(header, "W/", 2) == 0;
		if (is_weak)
			header += 2;
		if (strncmp(header, tag, length) == 0 && (weak || !is_weak) &&
			(header[length] == '\0' || strchr(" \t,", header[length]) != NULL))
			return true;
		/* past this one: a comma may stand within its quotes */
		if (*header == '"')
			header += 1 + strcspn(header + 1, "\"");
		header += strcspn(header, ",");
	}
}

/* The first is written, all are read. */
static const char *const date_formats[] = {
	"%a, %d %b %Y %H:%M:%S GMT",
	"%A, %d-%b-%y %H:%M:%S GMT",
	"%a %b %e %H:%M:%S %Y",
};

void
range_date(char result[RANGE_DATE_SIZE], time_t moment)
{
	struct tm	utc;

	if (gmtime_r(&moment, &utc) == NULL ||
		strftime(result, RANGE_DATE_SIZE, date_formats[0], &utc) == 0)
		*result = '\0';
}

bool
range_parse_date(const char *header, time_t *moment)
{
	for (size_t i = 0; header != NULL &&
		 i < sizeof(date_formats) / sizeof(date_formats[0]); i++)
	{
		struct tm	utc = {0};
		char		again[40];
		const char *end = strptime(header, date_formats[i], &utc);

		if (end == NULL || *end != '\0')
			continue;
		/* strptime() takes more than a date is; written again it is the same */
		*moment = timegm(&utc);
		if (gmtime_r(moment, &utc) != NULL &&
			strftime(again, sizeof(again), date_formats[i], &utc) > 0 &&
			strcmp(again, header) == 0)
			return true;
	}
	return false;
}
