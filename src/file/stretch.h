/*
 * stretch.h
 *	  A deflate stream made of stretches: what gzip members and ZIP entries hold.
 *
 * A stretch is a deflate stream that ends at the boundary of a byte.  Bytes that
 * are written become one stretch, up to where another begins that was compressed
 * elsewhere.
 */
#ifndef RDE_STRETCH_H
#define RDE_STRETCH_H

#include "file/deflate.h"
#include "file/sink.h"

/* A slice of so many bytes is a stretch of its own: the cut costs next to nothing. */
#define RDE_SLICE_ALONE		((size_t) 1024 * 1024)

/* What one file at a time is compressed with. */
typedef struct RdeCompressor
{
	RdeDeflate *deflate;
	char	   *block;			/* RDE_BLOCK_SIZE bytes, of a stretch */
	char	   *held;			/* RDE_SLICE_ALONE bytes, of a slice */
} RdeCompressor;

/* Lies in the current context, as all it needs later. */
extern RdeCompressor *rde_compressor_create(void);

/*
 * The beginning of a sink whose content is compressed: its `bytes` are those of
 * the content, and rde_stretches_write() is what it does with them.
 */
typedef struct RdeStretches
{
	RdeSink		sink;
	RdeCompressor *compressor;
	uint32		crc;			/* of the content */
	bool		open;			/* a stretch of our own */
	bool		elsewhere;		/* one that was compressed elsewhere */
	uint64		before;			/* bytes of content before that */
	size_t		used;			/* bytes in the compressor's block */
} RdeStretches;

/* The compressor is the sink's until its stream has ended. */
extern void rde_stretches_init(RdeStretches *stretches, const RdeSinkOps *ops,
							   RdeSink *next, RdeCompressor *compressor);
extern void rde_stretches_write(RdeSink *sink, const char *data, size_t len);

/* End the stream.  The next sink stays open. */
extern void rde_stretches_end(RdeStretches *stretches);

/*
 * From begin to end, what is written is a stretch as rde_deflate_flush() ended it:
 * of so many bytes of content, which have this CRC.  Meanwhile the sink's deflate
 * is free for other use, and is to be left flushed.
 */
extern void rde_stretch_begin(RdeSink *stretches);
extern void rde_stretch_end(RdeSink *stretches, uint64 content, uint32 crc);

#endif							/* RDE_STRETCH_H */
