/*
 * sink.h
 *	  Bytes in, bytes on: the chain a finished file runs through, and the
 *	  buffer formats write into.
 *
 * A format knows one RdeBuffer and nothing behind it.  The buffer empties into
 * the first sink of a chain (cut -> gzip -> digest -> store, or digest -> store);
 * every sink passes what it makes to the next one.
 *
 * Invariant: a buffer hands on blocks of exactly RDE_BLOCK_SIZE bytes, only the
 * last one before it is drained is shorter.  Deflate output depends on where its
 * input is cut, so this is what makes equal content equal bytes.
 */
#ifndef RDE_SINK_H
#define RDE_SINK_H

#include "postgres.h"

typedef struct RdeSink RdeSink;

typedef struct RdeSinkOps
{
	/* Take len > 0 bytes; they are the caller's again on return. */
	void		(*write) (RdeSink *sink, const char *data, size_t len);
	/* No more bytes will come: write trailers, then finish the next sink. */
	void		(*finish) (RdeSink *sink);
} RdeSinkOps;

struct RdeSink
{
	const RdeSinkOps *ops;
	RdeSink    *next;			/* NULL for the last sink of a chain */
	uint64		bytes;			/* bytes taken so far */
	bool		finished;
};

static inline void
rde_sink_write(RdeSink *sink, const char *data, size_t len)
{
	Assert(!sink->finished);
	if (len == 0)
		return;
	sink->bytes += len;
	sink->ops->write(sink, data, len);
}

static inline void
rde_sink_finish(RdeSink *sink)
{
	Assert(!sink->finished);
	sink->finished = true;
	sink->ops->finish(sink);
}

/*
 * RdeBuffer: what formats write into.
 *
 * rde_buffer_room() returns a place where at least RDE_BUFFER_ROOM bytes may be
 * written; rde_buffer_advance() says up to where they were.  Escapers are given
 * pieces of at most RDE_PIECE_SIZE bytes and make at most seven bytes of one
 * (_xHHHH_), so a piece and what surrounds it always fits.
 */
#define RDE_BLOCK_SIZE		(64 * 1024)
#define RDE_BUFFER_ROOM		(64 * 1024)
#define RDE_PIECE_SIZE		(8 * 1024)

typedef struct RdeBuffer
{
	RdeSink    *sink;
	size_t		used;
	char	   *data;			/* RDE_BLOCK_SIZE + RDE_BUFFER_ROOM bytes */
} RdeBuffer;

/* `buffer` is zeros, or was drained by another file, whose memory it keeps. */
extern void rde_buffer_init(RdeBuffer *buffer, RdeSink *sink);
extern void rde_buffer_flush_blocks(RdeBuffer *buffer);
extern void rde_buffer_append(RdeBuffer *buffer, const char *data, size_t len);

/* Hand on everything, the short last block included; the sink stays open. */
extern void rde_buffer_drain(RdeBuffer *buffer);

static inline char *
rde_buffer_room(RdeBuffer *buffer)
{
	if (unlikely(buffer->used >= RDE_BLOCK_SIZE))
		rde_buffer_flush_blocks(buffer);
	return buffer->data + buffer->used;
}

/* Short of this place there is room, whatever was not advanced over yet. */
static inline const char *
rde_buffer_full(const RdeBuffer *buffer)
{
	return buffer->data + RDE_BLOCK_SIZE;
}

static inline void
rde_buffer_advance(RdeBuffer *buffer, char *end)
{
	buffer->used = end - buffer->data;
	Assert(buffer->used <= RDE_BLOCK_SIZE + RDE_BUFFER_ROOM);
}

#endif							/* RDE_SINK_H */
