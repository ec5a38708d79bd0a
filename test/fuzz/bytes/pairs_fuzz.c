/*
 * pairs_fuzz.c
 *	  The pairs scanner: what it takes, PostgreSQL takes as JSON and reads alike.
 */
#include "fuzz/server.h"

#include "bytes/escape.h"
#include "bytes/pairs.h"
#include "bytes/utf8.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

/* The inside of a JSON string, in pieces of any room. */
static char *
unescape(const char *src, size_t length, size_t room, size_t *result_length,
		 int64_t *replaced)
{
	const char *end = src + length;
	char	   *result = palloc(length + 1);
	char	   *to = result;
	char	   *piece = palloc(room);

	while (src < end)
	{
		size_t		n = rde_pairs_unescape(piece, room, &src, end, replaced) - piece;

		PROMISE(n > 0 && n <= room && to - result + n <= length);
		memcpy(to, piece, n);
		to += n;
	}
	*to = '\0';
	*result_length = to - result;
	return result;
}

/* Whatever the room, the same; and JSON of it reads as it. */
static void
check_string(const char *src, size_t length, size_t room)
{
	int64_t		replaced = 0;
	int64_t		again = 0;
	size_t		n;
	size_t		m;
	char	   *text = unescape(src, length, Max(length, 1), &n, &replaced);
	char	   *pieces = unescape(src, length, room, &m, &again);
	char	   *escaped;

	PROMISE(n == m && memcmp(text, pieces, n) == 0 && replaced == again);
	escaped = palloc(6 * n + 1);
	m = rde_escape_json(escaped, text, n) - escaped;
	pieces = unescape(escaped, m, Max(m, 1), &m, &again);
	PROMISE(n == m && memcmp(text, pieces, n) == 0);
}

/* What jsonb has at [pair][part], as text; NULL for null. */
static char *
part_of(Jsonb *jsonb, int pair, int part)
{
	JsonbValue *inner = getIthJsonbValueFromContainer(&jsonb->root, pair);
	JsonbValue *value;

	PROMISE(inner != NULL && inner->type == jbvBinary);
	value = getIthJsonbValueFromContainer(inner->val.binary.data, part);
	PROMISE(value != NULL);
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		case jbvNumeric:
			return "a number";
		default:
			PROMISE(value->type == jbvNull);
			return NULL;
	}
}

static void
check_like_jsonb(const char *text, size_t len, size_t room)
{
	Jsonb	   *jsonb = jsonb_of(text);
	bool		bad = rde_json_bad_escape(text, text + len) != text + len;
	RdePairs	pairs;
	RdePair		pair;
	int			count = 0;

	rde_pairs_begin(&pairs, text, len);
	while (rde_pairs_next(&pairs, &pair))
	{
		check_string(pair.name, pair.name_length, room);
		if (pair.kind == RDE_PAIR_STRING)
			check_string(pair.value, pair.value_length, room);
		count++;
	}
	PROMISE(rde_pairs_complete(&pairs) == rde_pairs_valid(text, len));
	if (!rde_pairs_complete(&pairs))
		return;

	/* jsonb takes numbers of its numeric only, and no bad escapes */
	if (jsonb == NULL)
	{
		PROMISE(bad || strpbrk(text, "eE") != NULL || len > 10000);
		return;
	}
	PROMISE(!bad && JB_ROOT_IS_ARRAY(jsonb) && JB_ROOT_COUNT(jsonb) == count);
	rde_pairs_begin(&pairs, text, len);
	for (int i = 0; rde_pairs_next(&pairs, &pair); i++)
	{
		int64_t		replaced = 0;
		size_t		n;
		char	   *name = unescape(pair.name, pair.name_length, room, &n, &replaced);
		char	   *value = part_of(jsonb, i, 1);
		RdePair		found;

		PROMISE(replaced == 0 && strcmp(name, part_of(jsonb, i, 0)) == 0);
		PROMISE(rde_pairs_find(text, len, name, n, &found));
		PROMISE(found.name <= pair.name);
		PROMISE((pair.kind == RDE_PAIR_NULL) == (value == NULL));
		if (pair.kind == RDE_PAIR_STRING)
			PROMISE(strcmp(unescape(pair.value, pair.value_length, room, &n, &replaced),
						   value) == 0);
		else if (pair.kind == RDE_PAIR_LITERAL && strcmp(value, "a number") != 0)
			PROMISE(strlen(value) == pair.value_length &&
					memcmp(value, pair.value, pair.value_length) == 0);
	}
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	size_t		room = 4 + take_below(&bytes, 40);
	char	   *text;

	/* texts of the database are UTF-8, and short here for the server's sake */
	text = pnstrdup((const char *) bytes.at, Min(bytes.left, 4096));
	if (!pg_verify_mbstr(PG_UTF8, text, strlen(text), true))
	{
		RdePairs	pairs;
		RdePair		pair;

		rde_pairs_begin(&pairs, guarded(text, strlen(text)), strlen(text));
		while (rde_pairs_next(&pairs, &pair))
			check_string(pair.name, pair.name_length, room);
		return;
	}
	/* its last byte is that before the page; a NUL behind it is not read */
	(void) rde_pairs_valid(guarded(text, strlen(text)), strlen(text));
	check_like_jsonb(text, strlen(text), room);
}
