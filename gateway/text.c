/*
 * text.c
 *	  Text as HTTP, JSON and logs need it.
 *
 * Invariant: no function trusts its input to be UTF-8, or reads past its NUL.
 */
#include "text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "clock.h"

void
text_time(char result[TEXT_TIME_SIZE])
{
	struct timespec now = clock_real();
	struct tm	utc;
	size_t		length;

	gmtime_r(&now.tv_sec, &utc);
	length = strftime(result, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(result + length, TEXT_TIME_SIZE - length, ".%03uZ",
			 (unsigned int) (now.tv_nsec / 1000000) % 1000);
}

void
text_random_uuid(char result[TEXT_UUID_SIZE])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();				/* up to 256 bytes are never cut short */
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(result, TEXT_UUID_SIZE,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
			 b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

bool
text_is_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (int i = 0; shape[i] != '\0'; i++)
	{
		if (shape[i] == 'x' ? !isxdigit((unsigned char) text[i])
			: text[i] != shape[i])
			return false;
	}
	return text[sizeof(shape) - 1] == '\0';
}

bool
text_is_date(const char *text)
{
	static const char shape[] = "dddd-dd-dd";
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int			year,
				month,
				day;
	bool		leap;

	for (int i = 0; shape[i] != '\0'; i++)
	{
		if (shape[i] == 'd' ? (text[i] < '0' || text[i] > '9')
			: text[i] != shape[i])
			return false;
	}
	if (text[sizeof(shape) - 1] != '\0')
		return false;
	year = atoi(text);
	month = atoi(text + 5);
	day = atoi(text + 8);
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
		day <= days[month - 1] + (month == 2 && leap);
}

/* isalnum() asks the locale; this is ASCII. */
static bool
is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z');
}

bool
text_is_word(const char *text, size_t most, const char *others)
{
	size_t		length = strnlen(text, most + 1);

	if (length == 0 || length > most)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if (!is_alphanumeric(text[i]) && strchr(others, text[i]) == NULL)
			return false;
	}
	return true;
}

/* How many bytes the UTF-8 character at text has, or 0 if it is not one. */
static int
take_character(const char *text, uint32_t *character)
{
	const unsigned char *s = (const unsigned char *) text;
	uint32_t	c;
	int			length;

	*character = s[0];
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		length = 2;
	else if (s[0] >= 0xE0 && s[0] <= 0xEF)
		length = 3;
	else if (s[0] >= 0xF0 && s[0] <= 0xF4)
		length = 4;
	else
		return 0;
	c = s[0] & (0xFF >> (length + 1));
	for (int i = 1; i < length; i++)
	{
		if ((s[i] & 0xC0) != 0x80)
			return 0;			/* the NUL at the end is none either */
		c = c << 6 | (s[i] & 0x3F);
	}
	if ((length == 3 && c < 0x800) || (length == 4 && c < 0x10000) ||
		c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*character = c;
	return length;
}

static int
character_length(const char *text)
{
	uint32_t	character;

	return take_character(text, &character);
}

void
text_put_json(FILE *out, const char *text)
{
	putc('"', out);
	while (*text != '\0')
	{
		int			length = character_length(text);

		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char) *text < ' ' || *text == 0x7F)
			fprintf(out, "\\u%04x", (unsigned char) *text);
		else if (length == 0)
			fputs("\\ufffd", out);
		else
			fwrite(text, 1, length, out);
		text += length == 0 ? 1 : length;
	}
	putc('"', out);
}

void
text_put_printable(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text >= ' ' && *text <= '~' && *text != '\\')
			putc(*text, out);
		else
			fprintf(out, "\\x%02x", (unsigned char) *text);
	}
}

void
text_put_percent(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (is_alphanumeric(*text) || strchr("!#$&+-.^_`|~", *text) != NULL)
			putc(*text, out);
		else
			fprintf(out, "%%%02X", (unsigned char) *text);
	}
}

void
text_put_ascii(FILE *out, const char *text)
{
	while (*text != '\0')
	{
		int			length = character_length(text);

		putc(is_alphanumeric(*text) || strchr("._+-", *text) != NULL ?
			 *text : '_', out);
		text += length == 0 ? 1 : length;
	}
}

static bool
is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7F && c <= 0x9F);
}

static bool
changes_direction(uint32_t c)
{
	return c == 0x061C || c == 0x200E || c == 0x200F ||
		(c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

char *
text_file_name(const char *text)
{
	char	   *result;
	size_t		size;
	FILE	   *out = open_memstream(&result, &size);
	bool		after_dot = false;

	if (out == NULL)
		abort();
	while (*text != '\0')
	{
		uint32_t	c;
		int			length = take_character(text, &c);
		bool		bad = length == 0 || c == '/' || c == '\\' ||
		(c == '.' && after_dot) || is_control(c) || changes_direction(c);

		if (bad)
			putc('_', out);
		else
			fwrite(text, 1, length, out);
		after_dot = !bad && c == '.';
		text += length == 0 ? 1 : length;
	}
	if (fclose(out) != 0)
		abort();
	return result;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
text_percent_decode(char *result, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		char		c = text[i];

		if (c == '%')
		{
			int			high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
			int			low = length - i > 2 ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high << 4 | low;
			i += 2;
		}
		if (c == '\0')
			return false;
		*result++ = c;
	}
	*result = '\0';
	return true;
}

bool
text_hex_decode(unsigned char *result, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		int			high = hex_digit(text[2 * i]);
		int			low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		result[i] = high << 4 | low;
	}
	return text[2 * n] == '\0';
}

void
text_base64(char *result, const unsigned char *data, size_t n)
{
	static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3)
	{
		uint32_t	bits = (uint32_t) data[i] << 16;

		if (i + 1 < n)
			bits |= (uint32_t) data[i + 1] << 8;
		if (i + 2 < n)
			bits |= data[i + 2];
		*result++ = digits[bits >> 18];
		*result++ = digits[bits >> 12 & 63];
		*result++ = i + 1 < n ? digits[bits >> 6 & 63] : '=';
		*result++ = i + 2 < n ? digits[bits & 63] : '=';
	}
	*result = '\0';
}

bool
text_base64_decode(char *result, const char *text)
{
	static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t		length = strlen(text);
	size_t		padding = length > 0 && text[length - 1] == '=' ?
	1 + (length > 1 && text[length - 2] == '=') : 0;
	unsigned	bits = 0;

	if (length % 4 != 0)
		return false;
	for (size_t i = 0; i < length - padding; i++)
	{
		const char *digit = strchr(digits, text[i]);

		if (digit == NULL)
			return false;
		bits = bits << 6 | (unsigned) (digit - digits);
		if (i % 4 == 0)
			continue;
		*result = (char) (bits >> (6 - 2 * (i % 4)) & 0xff);
		if (*result++ == '\0')
			return false;
	}
	*result = '\0';
	return true;
}
