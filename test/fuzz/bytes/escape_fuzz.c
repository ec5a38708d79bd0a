/*
 * escape_fuzz.c
 *	  Escaped text, read back: CSV and JSON by small readers, XML and XLSX by expat.
 */
#include "bytes/escape.h"

#include <expat.h>

#include "bytes/markup.h"
#include "bytes/pairs.h"
#include "bytes/utf8.h"
#include "bytes/xml_name.h"
#include "fuzz/fuzz.h"

/* Text that an escaper made, in memory of exactly the room it was promised. */
typedef struct Made
{
	char	   *text;
	size_t		length;
	int64_t		replaced;
} Made;

typedef char *(*Escape) (char *dst, const char *src, size_t len, int64_t *replaced);

static char *
csv(char *dst, const char *src, size_t len, int64_t *replaced)
{
	(void) replaced;
	return rde_escape_csv(dst, src, len);
}

static char *
json(char *dst, const char *src, size_t len, int64_t *replaced)
{
	(void) replaced;
	return rde_escape_json(dst, src, len);
}

static char *
xlsx(char *dst, const char *src, size_t len, int64_t *replaced)
{
	return rde_escape_xlsx(dst, src, len, 0, replaced);
}

static Made
make(Escape escape, size_t factor, const char *src, size_t len)
{
	Made		made = {.text = malloc(factor * len)};

	made.length = escape(made.text, src, len, &made.replaced) - made.text;
	PROMISE(made.length <= factor * len);
	return made;
}

static bool
is_utf8(const char *src, size_t len)
{
	const char *end = src + len;

	while (src < end)
	{
		uint32_t	code;
		size_t		length = rde_utf8_decode(src, end, &code);

		/* overlong, half of a pair, too large: expat refuses them */
		if (length == 0 || (length == 2 && code < 0x80) ||
			(length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) ||
			(length == 4 && (code < 0x10000 || code > 0x10FFFF)))
			return false;
		src += length;
	}
	return true;
}

static void
check_csv(const char *src, size_t len, char delimiter)
{
	char	   *copy = malloc(len);
	char	   *end = rde_copy_csv(copy, src, len, delimiter);
	Made		made = make(csv, 2, src, len);
	size_t		n = 0;

	PROMISE((end == NULL) == rde_csv_needs_quotes(src, len, delimiter));
	if (end != NULL)
		PROMISE(end == copy + len && memcmp(copy, src, len) == 0);
	for (size_t i = 0; i < made.length; i++)
	{
		PROMISE(n < len && made.text[i] == src[n++]);
		if (made.text[i] == '"')
			PROMISE(made.text[++i] == '"');
	}
	PROMISE(n == len);
	free(copy);
	free(made.text);
}

static void
check_json(const char *src, size_t len)
{
	Made		made = make(json, 6, src, len);
	char	   *back = malloc(made.length);
	const char *at = made.text;
	const char *end = made.text + made.length;
	size_t		n;

	for (size_t i = 0; i < made.length; i++)
		PROMISE((uint8_t) made.text[i] >= 0x20);
	n = rde_pairs_unescape(back, made.length, &at, end, &made.replaced) - back;
	PROMISE(at == end);
	/* a NUL, which no text of the database holds, cannot come back */
	if (memchr(src, '\0', len) == NULL)
		PROMISE(n == len && (n == 0 || memcmp(back, src, n) == 0) && made.replaced == 0);
	free(back);
	free(made.text);
}

/* What expat found. */
typedef struct Found
{
	char	   *text;
	size_t		length;
	char	   *attribute;
	char	   *name;
} Found;

static void
begin_element(void *arg, const char *name, const char **attributes)
{
	Found	   *found = arg;

	found->name = strdup(name);
	if (attributes[0] != NULL)
		found->attribute = strdup(attributes[1]);
}

static void
add_text(void *arg, const char *text, int length)
{
	Found	   *found = arg;

	memcpy(found->text + found->length, text, length);
	found->length += length;
}

static Found
read_xml(const char *document, size_t length)
{
	Found		found = {.text = malloc(length)};
	XML_Parser	parser = XML_ParserCreate("UTF-8");

	XML_SetUserData(parser, &found);
	XML_SetStartElementHandler(parser, begin_element);
	XML_SetCharacterDataHandler(parser, add_text);
	PROMISE(XML_Parse(parser, document, (int) length, 1) == XML_STATUS_OK);
	XML_ParserFree(parser);
	return found;
}

/* What escapers put for what XML cannot hold; the number of places. */
static size_t
replace(char *dst, size_t *length, const char *src, size_t len, bool controls)
{
	size_t		replaced = 0;
	size_t		n = 0;

	for (size_t i = 0; i < len; i++)
	{
		uint8_t		c = src[i];
		bool		none = len - i >= 3 && c == 0xEF && (uint8_t) src[i + 1] == 0xBF &&
		(uint8_t) src[i + 2] >= 0xBE;

		if (none || (controls && c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
		{
			memcpy(dst + n, RDE_UTF8_REPLACEMENT, 3);
			n += 3;
			replaced++;
			i += none ? 2 : 0;
		}
		else
			dst[n++] = c;
	}
	*length = n;
	return replaced;
}

static void
check_xml(const char *src, size_t len)
{
	Made		text = make(rde_escape_xml, 6, src, len);
	Made		attribute = make(rde_escape_xml_attribute, 6, src, len);
	char	   *document = malloc(text.length + attribute.length + 32);
	char	   *expected = malloc(3 * len + 1);
	size_t		expected_length;
	size_t		n = 0;
	int64_t		replaced = replace(expected, &expected_length, src, len, true);
	Found		found;

	n = sprintf(document, "<a b=\"");
	memcpy(document + n, attribute.text, attribute.length);
	n += attribute.length;
	n += sprintf(document + n, "\">");
	memcpy(document + n, text.text, text.length);
	n += text.length;
	n += sprintf(document + n, "</a>");
	if (is_utf8(src, len))
	{
		found = read_xml(document, n);
		expected[expected_length] = '\0';
		PROMISE(text.replaced == replaced && attribute.replaced == replaced);
		PROMISE(found.length == expected_length &&
				memcmp(found.text, expected, found.length) == 0);
		PROMISE(strcmp(found.attribute, expected) == 0);
		free(found.text);
		free(found.attribute);
		free(found.name);
	}
	free(text.text);
	free(attribute.text);
	free(document);
	free(expected);
}

/* As a spreadsheet reads _xHHHH_, in place; the new length. */
static size_t
read_xlsx(char *text, size_t length)
{
	size_t		n = 0;

	for (size_t i = 0; i < length; i++)
	{
		char		digits[5] = "";

		if (length - i >= 7 && text[i] == '_' && text[i + 1] == 'x' && text[i + 6] == '_')
			memcpy(digits, text + i + 2, 4);
		if (strspn(digits, "0123456789abcdefABCDEF") == 4)
		{
			text[n++] = (char) strtol(digits, NULL, 16);
			i += 6;
		}
		else
			text[n++] = text[i];
	}
	return n;
}

static size_t
line_feeds(char *text, size_t length)
{
	size_t		n = 0;

	for (size_t i = 0; i < length; i++)
	{
		if (text[i] != '\r')
			text[n++] = text[i];
		else if (i + 1 == length || text[i + 1] != '\n')
			text[n++] = '\n';
	}
	return n;
}

static void
check_xlsx(const char *src, size_t len)
{
	Made		made = make(xlsx, 7, src, len);
	char	   *document = malloc(made.length + 8);
	char	   *expected = malloc(3 * len);
	size_t		expected_length;
	Found		found;

	memcpy(document, "<t>", 3);
	memcpy(document + 3, made.text, made.length);
	memcpy(document + 3 + made.length, "</t>", 4);
	if (is_utf8(src, len))
	{
		found = read_xml(document, made.length + 7);
		(void) replace(expected, &expected_length, src, len, false);
		expected_length = line_feeds(expected, expected_length);
		found.length = read_xlsx(found.text, found.length);
		PROMISE(found.length == expected_length &&
				memcmp(found.text, expected, found.length) == 0);
		PROMISE(rde_xlsx_length(src, len) == rde_utf16_length(found.text, found.length));
		free(found.text);
		free(found.name);
	}
	free(made.text);
	free(document);
	free(expected);
}

static void
check_name(const char *src, size_t len)
{
	size_t		room = 10 * len + 8;
	char	   *name = malloc(room);
	size_t		length = rde_escape_xml_name(name, src, len) - name;
	char	   *document = malloc(length + 4);
	Found		found;

	PROMISE(length <= room);
	if (is_utf8(src, len))
	{
		document[0] = '<';
		memcpy(document + 1, name, length);
		memcpy(document + 1 + length, "/>", 3);
		found = read_xml(document, length + 3);
		PROMISE(strlen(found.name) == length && memcmp(found.name, name, length) == 0);
		PROMISE(strncasecmp(found.name, "xml", 3) != 0);
		free(found.text);
		free(found.name);
	}
	free(name);
	free(document);
}

/* In pieces it is the same. */
static void
check_pieces(Escape escape, size_t factor, const char *src, size_t len, size_t max)
{
	Made		whole = make(escape, factor, src, len);
	int64_t		replaced = 0;
	size_t		done = 0;

	for (size_t at = 0, n; at < len; at += n)
	{
		Made		made;

		n = rde_piece(src + at, len - at, max);
		PROMISE(n > 0 && n <= max);
		made = make(escape, factor, src + at, n);
		PROMISE(done + made.length <= whole.length &&
				memcmp(whole.text + done, made.text, made.length) == 0);
		done += made.length;
		replaced += made.replaced;
		free(made.text);
	}
	PROMISE(done == whole.length && replaced == whole.replaced);
	free(whole.text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	size_t		max = 4 + take_below(&bytes, 60);
	char		delimiter = ",;\t|"[take_below(&bytes, 4)];
	char	   *src = malloc(bytes.left);

	if (bytes.left > 0)
		memcpy(src, bytes.at, bytes.left);
	check_csv(src, bytes.left, delimiter);
	check_json(src, bytes.left);
	check_xml(src, bytes.left);
	check_xlsx(src, bytes.left);
	check_name(src, bytes.left);
	check_pieces(csv, 2, src, bytes.left, max);
	check_pieces(json, 6, src, bytes.left, max);
	check_pieces(rde_escape_xml, 6, src, bytes.left, max);
	check_pieces(rde_escape_xml_attribute, 6, src, bytes.left, max);
	free(src);
	return 0;
}
