/*
 * text.h
 *	  What the text formats share: names rendered once, bytes put in pieces.
 *
 * A row keeps the buffer's write place in a local.  rde_buffer_room() is asked
 * for once per value; what a value writes at most is two tags and a piece:
 * RDE_PIECE_SIZE x (1 + 6 + 1) = RDE_BUFFER_ROOM.
 *
 * Invariant: no tag is longer than RDE_TAG_MAX, and nothing of unbounded
 * length is written without passing rde_buffer_more() between pieces.
 */
#ifndef RDE_FORMAT_TEXT_H
#define RDE_FORMAT_TEXT_H

#include "miscadmin.h"

#include "format/column.h"
#include "file/sink.h"
#include "format/value.h"

/* A piece, less the few marks around a value. */
#define RDE_TAG_MAX		(RDE_PIECE_SIZE - 128)

/* A column's name with all that stands around it, as the format writes it. */
typedef struct RdeTag
{
	const char *text;
	size_t		length;
} RdeTag;

/* Make a tag of the rendered text [text, end); raises 42622 if too long. */
extern RdeTag rde_tag_make(const RdeColumn *column, const char *text,
						   const char *end);

static inline char *
rde_put_tag(char *p, const RdeTag *tag)
{
	memcpy(p, tag->text, tag->length);
	return p + tag->length;
}

/* Between two pieces of a long value: p is where the first one ended. */
static inline char *
rde_buffer_more(RdeBuffer *buffer, char *p)
{
	rde_buffer_advance(buffer, p);
	CHECK_FOR_INTERRUPTS();
	return rde_buffer_room(buffer);
}

/*
 * Behind a value in a row: as rde_buffer_more(), if there is no longer room.
 * `full` is rde_buffer_full() of the buffer.
 */
static inline char *
rde_buffer_next(RdeBuffer *buffer, char *p, const char *full)
{
	return likely(p < full) ? p : rde_buffer_more(buffer, p);
}

/* Text that needs no escaping. */
static inline char *
rde_put_bare(RdeBuffer *buffer, char *p, const char *text, size_t len)
{
	while (unlikely(len > RDE_PIECE_SIZE))
	{
		memcpy(p, text, RDE_PIECE_SIZE);
		text += RDE_PIECE_SIZE;
		len -= RDE_PIECE_SIZE;
		p = rde_buffer_more(buffer, p + RDE_PIECE_SIZE);
	}
	memcpy(p, text, len);
	return p + len;
}

/* Values of bounded length, as every text format writes them but for quotes. */
static inline char *
rde_put_short(char *p, const RdeValue *value)
{
	switch (value->shape)
	{
		case RDE_BOOL:
			memcpy(p, value->u.boolean ? "true" : "fals", 4);
			p += 4;
			if (!value->u.boolean)
				*p++ = 'e';
			return p;
		case RDE_DATE:
			return rde_write_date(p, value->u.date);
		case RDE_LOCAL_TIME:
			return rde_write_local_time(p, value->u.time);
		case RDE_INSTANT:
			return rde_write_instant(p, value->u.time);
		default:
			Assert(value->shape == RDE_INTEGER || value->shape == RDE_UNIX);
			return rde_write_int64(p, value->u.integer);
	}
}

#endif							/* RDE_FORMAT_TEXT_H */
