/*
 * text_fuzz.c
 *	  Text as HTTP, JSON and logs need it, and read again.
 */
#include "gateway/text.h"

#include "bytes/pairs.h"
#include "fuzz/fuzz.h"
#include "gateway/address.h"

typedef void (*Put) (FILE *out, const char *text);

static char *
printed(Put put, const char *text)
{
	char	   *result;
	size_t		size;
	FILE	   *out = open_memstream(&result, &size);

	put(out, text);
	fclose(out);
	PROMISE(strlen(result) == size);
	return result;
}

/* What is neither broken nor written otherwise comes back. */
static void
check_json(const char *text)
{
	char	   *json = printed(text_put_json, text);
	size_t		length = strlen(json);
	char	   *pair = malloc(length + 8);
	char	   *back = malloc(length);
	RdePair		read;
	int64_t		replaced = 0;
	const char *at;
	size_t		n;

	for (const char *c = json; *c != '\0'; c++)
		PROMISE((unsigned char) *c >= ' ' && *c != 0x7F);
	sprintf(pair, "[[%s,0]]", json);
	PROMISE(rde_pairs_valid(pair, strlen(pair)));
	PROMISE(rde_pairs_find(pair, strlen(pair), text, strlen(text), &read) ||
			strstr(json, "\\ufffd") != NULL);
	at = json + 1;
	n = rde_pairs_unescape(back, length, &at, json + length - 1, &replaced) - back;
	PROMISE(replaced == 0);
	if (strstr(json, "\\ufffd") == NULL)
		PROMISE(n == strlen(text) && memcmp(back, text, n) == 0);
	free(json);
	free(pair);
	free(back);
}

static void
check_percent(const char *text)
{
	char	   *percent = printed(text_put_percent, text);
	char	   *back = malloc(strlen(percent) + 1);

	PROMISE(text_percent_decode(back, percent, strlen(percent)) && strcmp(back, text) == 0);
	free(percent);
	free(back);
}

/* A log's line stays one, and says each byte. */
static void
check_printable(const char *text)
{
	char	   *line = printed(text_put_printable, text);
	const char *at = line;

	for (; *text != '\0'; text++)
	{
		unsigned int byte = (unsigned char) *at;

		PROMISE(*at >= ' ' && *at <= '~');
		if (*at == '\\')
		{
			PROMISE(sscanf(at, "\\x%2x", &byte) == 1);
			at += 3;
		}
		PROMISE(byte == (unsigned char) *text);
		at++;
	}
	PROMISE(*at == '\0');
	free(line);
}

static void
check_file_name(const char *text)
{
	char	   *name = text_file_name(text);
	char	   *again = text_file_name(name);
	char	   *ascii = printed(text_put_ascii, text);

	PROMISE(strcmp(name, again) == 0);
	PROMISE(strpbrk(name, "/\\\r\n\t") == NULL && strstr(name, "..") == NULL);
	PROMISE(strlen(name) <= strlen(text));
	PROMISE(text_is_word(ascii, strlen(text), "._+-") || *text == '\0');
	free(name);
	free(again);
	free(ascii);
}

static void
check_decode(const char *text)
{
	size_t		length = strlen(text);
	char	   *bytes = malloc(length + 1);
	unsigned char *digits = malloc(length / 2 + 1);
	char	   *again = malloc(TEXT_BASE64_SIZE(length));

	if (text_percent_decode(bytes, text, length))
		PROMISE(strlen(bytes) <= length && (strchr(text, '%') || strcmp(bytes, text) == 0));
	if (text_base64_decode(bytes, text))
	{
		/* the bits that fill up the last digit may be any */
		text_base64(again, (unsigned char *) bytes, strlen(bytes));
		PROMISE(strlen(again) == length);
		PROMISE(length < 4 || memcmp(again, text, length - 4) == 0);
	}
	if (text_hex_decode(digits, text, length / 2))
		PROMISE(length % 2 == 0 && text_is_word(text, SIZE_MAX - 1, "") == (length > 0));
	text_base64(again, (const unsigned char *) text, length);
	PROMISE(text_base64_decode(bytes, again) && strcmp(bytes, text) == 0);
	free(bytes);
	free(digits);
	free(again);
}

static void
check_shapes(const char *text)
{
	Address		address;
	Address		again;
	char		printed_address[ADDRESS_TEXT_SIZE];

	PROMISE(!text_is_uuid(text) || strlen(text) == 36);
	PROMISE(!text_is_date(text) || strlen(text) == 10);
	if (address_parse_last(&address, text))
	{
		address_text(printed_address, &address);
		printed_address[strcspn(printed_address, "/")] = '\0';
		PROMISE(address_parse_last(&again, printed_address) && address_equal(&address, &again));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	char	   *text = take_string(&bytes);

	check_json(text);
	check_percent(text);
	check_printable(text);
	check_file_name(text);
	check_decode(text);
	check_shapes(text);
	free(text);
	return 0;
}
