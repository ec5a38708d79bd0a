/*
 * pairs.c
 *	  A strict scanner for JSON arrays of pairs, and JSON strings as UTF-8.
 *
 * Invariant: scan functions take a place in the text and return the place
 * behind what they read, or NULL if it is not there; they never read at `end`.
 */
#include "bytes/pairs.h"

#include <string.h>

#include "bytes/utf8.h"
#include "bytes/swar.h"

enum
{
	PAIRS_AT_START,
	PAIRS_BEHIND_PAIR,
	PAIRS_COMPLETE,
	PAIRS_BROKEN
};

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit, or -1. */
static inline int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static inline const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end &&
		   (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* One punctuation mark, with the blanks before it. */
static inline const char *
scan_mark(const char *at, const char *end, char mark)
{
	if (at == NULL)
		return NULL;
	at = skip_blanks(at, end);
	return at < end && *at == mark ? at + 1 : NULL;
}

static inline uint64_t
string_dirty(uint64_t word)
{
	return swar_equal(word, '"') | swar_equal(word, '\\') |
		swar_below(word, 0x20);
}

static inline uint64_t
backslash_dirty(uint64_t word)
{
	return swar_equal(word, '\\');
}

/* The four digits of \uXXXX, or -1. */
static int
scan_hex4(const char *at, const char *end)
{
	int			code = 0;
	int			i;

	if (end - at < 4)
		return -1;
	for (i = 0; i < 4; i++)
	{
		int			digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

/* A string, from its opening quote on; *token is what is inside. */
static const char *
scan_string(const char *at, const char *end,
			const char **token, size_t *length)
{
	if (at >= end || *at != '"')
		return NULL;
	*token = ++at;
	while ((at = swar_find(at, end, string_dirty)) < end)
	{
		if (*at == '"')
		{
			*length = at - *token;
			return at + 1;
		}
		if (*at != '\\' || end - at < 2)
			return NULL;
		if (at[1] == 'u')
		{
			if (scan_hex4(at + 2, end) < 0)
				return NULL;
			at += 6;
		}
		else if (at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL)
			at += 2;
		else
			return NULL;
	}
	return NULL;
}

/* At least one digit. */
static const char *
scan_digits(const char *at, const char *end)
{
	if (at >= end || !is_digit(*at))
		return NULL;
	while (at < end && is_digit(*at))
		at++;
	return at;
}

static const char *
scan_number(const char *at, const char *end)
{
	if (at < end && *at == '-')
		at++;
	if (at < end && *at == '0')
		at++;
	else if ((at = scan_digits(at, end)) == NULL)
		return NULL;
	if (at < end && *at == '.' && (at = scan_digits(at + 1, end)) == NULL)
		return NULL;
	if (at < end && (*at == 'e' || *at == 'E'))
	{
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		at = scan_digits(at, end);
	}
	return at;
}

static const char *
scan_word(const char *at, const char *end, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (end - at) < length || memcmp(at, word, length) != 0)
		return NULL;
	return at + length;
}

static const char *
scan_scalar(const char *at, const char *end, RdePair *pair)
{
	const char *next;

	pair->value = at;
	if (at >= end)
		return NULL;
	switch (*at)
	{
		case '"':
			pair->kind = RDE_PAIR_STRING;
			return scan_string(at, end, &pair->value, &pair->value_length);
		case 'n':
			pair->kind = RDE_PAIR_NULL;
			next = scan_word(at, end, "null");
			break;
		case 't':
			pair->kind = RDE_PAIR_LITERAL;
			next = scan_word(at, end, "true");
			break;
		case 'f':
			pair->kind = RDE_PAIR_LITERAL;
			next = scan_word(at, end, "false");
			break;
		default:
			pair->kind = RDE_PAIR_LITERAL;
			next = scan_number(at, end);
			break;
	}
	if (next != NULL)
		pair->value_length = next - at;
	return next;
}

/* [ string , scalar ] */
static const char *
scan_pair(const char *at, const char *end, RdePair *pair)
{
	at = scan_mark(at, end, '[');
	if (at != NULL)
		at = scan_string(skip_blanks(at, end), end,
						 &pair->name, &pair->name_length);
	at = scan_mark(at, end, ',');
	if (at != NULL)
		at = scan_scalar(skip_blanks(at, end), end, pair);
	return scan_mark(at, end, ']');
}

void
rde_pairs_begin(RdePairs *pairs, const char *text, size_t len)
{
	pairs->at = text;
	pairs->end = text + len;
	pairs->state = PAIRS_AT_START;
}

bool
rde_pairs_next(RdePairs *pairs, RdePair *pair)
{
	const char *end = pairs->end;
	const char *at = pairs->at;
	const char *close;

	if (pairs->state == PAIRS_AT_START)
	{
		at = scan_mark(at, end, '[');
		close = scan_mark(at, end, ']');
	}
	else if (pairs->state == PAIRS_BEHIND_PAIR)
	{
		close = scan_mark(at, end, ']');
		if (close == NULL)
			at = scan_mark(at, end, ',');
	}
	else
		return false;

	if (close != NULL)
	{
		pairs->at = skip_blanks(close, end);
		pairs->state = pairs->at == end ? PAIRS_COMPLETE : PAIRS_BROKEN;
		return false;
	}

	at = scan_pair(at, end, pair);
	if (at == NULL)
	{
		pairs->state = PAIRS_BROKEN;
		return false;
	}
	pairs->at = at;
	pairs->state = PAIRS_BEHIND_PAIR;
	return true;
}

bool
rde_pairs_complete(const RdePairs *pairs)
{
	return pairs->state == PAIRS_COMPLETE;
}

bool
rde_pairs_valid(const char *text, size_t len)
{
	RdePairs	pairs;
	RdePair		pair;

	rde_pairs_begin(&pairs, text, len);
	while (rde_pairs_next(&pairs, &pair))
		 /* only the end counts */ ;
	return rde_pairs_complete(&pairs);
}

/* Does the inside of a JSON string read as this text? */
static bool
string_equals(const char *src, size_t length,
			  const char *text, size_t text_length)
{
	const char *end = src + length;
	int64_t		replaced = 0;
	char		piece[256];

	while (src < end)
	{
		size_t		n = rde_pairs_unescape(piece, sizeof(piece), &src, end,
										   &replaced) - piece;

		if (n > text_length || memcmp(piece, text, n) != 0)
			return false;
		text += n;
		text_length -= n;
	}
	return text_length == 0;
}

bool
rde_pairs_find(const char *text, size_t len,
			   const char *name, size_t name_length, RdePair *pair)
{
	RdePairs	pairs;

	rde_pairs_begin(&pairs, text, len);
	while (rde_pairs_next(&pairs, pair))
	{
		if (string_equals(pair->name, pair->name_length, name, name_length))
			return true;
	}
	return false;
}

static size_t
encode_utf8(char *dst, uint32_t code)
{
	if (code < 0x80)
	{
		dst[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		dst[0] = (char) (0xC0 | code >> 6);
		dst[1] = (char) (0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000)
	{
		dst[0] = (char) (0xE0 | code >> 12);
		dst[1] = (char) (0x80 | (code >> 6 & 0x3F));
		dst[2] = (char) (0x80 | (code & 0x3F));
		return 3;
	}
	dst[0] = (char) (0xF0 | code >> 18);
	dst[1] = (char) (0x80 | (code >> 12 & 0x3F));
	dst[2] = (char) (0x80 | (code >> 6 & 0x3F));
	dst[3] = (char) (0x80 | (code & 0x3F));
	return 4;
}

/* Half of a surrogate pair, and NUL, which no text of the database can hold. */
static inline bool
is_no_character(uint32_t code)
{
	return code == 0 || (code >= 0xD800 && code <= 0xDFFF);
}

/*
 * Decode one escape, from its backslash on; the place behind it.  The string
 * was scanned before, so the escape is whole and known.
 */
static const char *
decode_escape(const char *src, const char *end, uint32_t *code)
{
	int			low;

	switch (src[1])
	{
		case 'b':
			*code = '\b';
			return src + 2;
		case 'f':
			*code = '\f';
			return src + 2;
		case 'n':
			*code = '\n';
			return src + 2;
		case 'r':
			*code = '\r';
			return src + 2;
		case 't':
			*code = '\t';
			return src + 2;
		case 'u':
			break;
		default:
			*code = (uint8_t) src[1];
			return src + 2;
	}

	*code = scan_hex4(src + 2, end);
	src += 6;
	if (*code >= 0xD800 && *code <= 0xDBFF &&
		end - src >= 6 && src[0] == '\\' && src[1] == 'u')
	{
		low = scan_hex4(src + 2, end);
		if (low >= 0xDC00 && low <= 0xDFFF)
		{
			*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
			return src + 6;
		}
	}
	return src;
}

char *
rde_pairs_unescape(char *dst, size_t room, const char **src,
				   const char *end, int64_t *replaced)
{
	const char *limit = dst + room;
	const char *at = *src;

	while (at < end)
	{
		/* look no further than fits, or long strings take quadratic time */
		size_t		piece = rde_piece(at, end - at, limit - dst);
		const char *stop = swar_find(at, at + piece, backslash_dirty);
		const char *next;
		char		encoded[4];
		uint32_t	code;
		size_t		n = stop - at;

		memcpy(dst, at, n);
		dst += n;
		at += n;
		if (n == piece && (at == end || *at != '\\'))
			break;

		next = decode_escape(at, end, &code);
		n = encode_utf8(encoded, is_no_character(code) ? 0xFFFD : code);
		if ((size_t) (limit - dst) < n)
			break;
		if (is_no_character(code))
			(*replaced)++;
		memcpy(dst, encoded, n);
		dst += n;
		at = next;
	}
	*src = at;
	return dst;
}

const char *
rde_json_bad_escape(const char *at, const char *end)
{
	while ((at = swar_find(at, end, backslash_dirty)) < end)
	{
		const char *next;
		uint32_t	code;

		if (end - at < 2)
			return end;
		if (at[1] == 'u' && scan_hex4(at + 2, end) < 0)
		{
			at += 2;			/* no JSON */
			continue;
		}
		next = decode_escape(at, end, &code);
		if (is_no_character(code))
			return at;
		at = next;
	}
	return end;
}
