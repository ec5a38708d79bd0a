/*
 * gzip.c
 *	  A sink that makes one gzip member (RFC 1952) of all bytes it is given.
 *
 * Invariant: the member holds no name, no time and no trace of the machine, and
 * its bytes follow from the content and from where it is cut into stretches: not
 * from the pieces it comes in, nor from who compressed a stretch.
 */
#include "postgres.h"

#include <zlib.h>

#include "file/gzip.h"

typedef struct GzipSink
{
	RdeSink		sink;
	RdeDeflate *deflate;
	uint32		crc;
	bool		begun;
	bool		open;			/* a stretch of our own */
	bool		elsewhere;		/* one that was compressed elsewhere */
	uint64		before;			/* bytes of content before that */
	size_t		used;			/* bytes in `block` */
	char	   *block;			/* that wait to be compressed */
} GzipSink;

/* flags 0, modification time 0, 4: fastest level, 255: no system named */
static const char gzip_header[10] = {
	'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 4, '\xff'
};

/* A last block of deflate, with nothing in it. */
static const char last_block[2] = {3, 0};

static void
begin(GzipSink *gzip)
{
	if (!gzip->begun)
		rde_sink_write(gzip->sink.next, gzip_header, sizeof(gzip_header));
	gzip->begun = true;
}

static void
compress_block(GzipSink *gzip, const char *data, size_t len)
{
	gzip->crc = rde_crc32(gzip->crc, data, len);
	rde_deflate_write(gzip->deflate, data, len, gzip->sink.next);
}

static void
compress_rest(GzipSink *gzip)
{
	compress_block(gzip, gzip->block, gzip->used);
	gzip->used = 0;
}

static void
gzip_write(RdeSink *sink, const char *data, size_t len)
{
	GzipSink   *gzip = (GzipSink *) sink;

	if (gzip->elsewhere)
	{
		rde_sink_write(sink->next, data, len);
		return;
	}
	begin(gzip);
	gzip->open = true;
	while (len > 0)
	{
		size_t		piece = Min(len, RDE_BLOCK_SIZE - gzip->used);

		if (piece == RDE_BLOCK_SIZE)
			compress_block(gzip, data, piece);
		else
		{
			memcpy(gzip->block + gzip->used, data, piece);
			gzip->used += piece;
			if (gzip->used == RDE_BLOCK_SIZE)
				compress_rest(gzip);
		}
		data += piece;
		len -= piece;
	}
}

void
rde_gzip_begin_stretch(RdeSink *sink)
{
	GzipSink   *gzip = (GzipSink *) sink;

	begin(gzip);
	if (gzip->open)
	{
		compress_rest(gzip);
		rde_deflate_flush(gzip->deflate, sink->next);
		gzip->open = false;
	}
	gzip->elsewhere = true;
	gzip->before = sink->bytes;
}

void
rde_gzip_end_stretch(RdeSink *sink, uint64 content, uint32 crc)
{
	GzipSink   *gzip = (GzipSink *) sink;

	gzip->crc = crc32_combine(gzip->crc, crc, (z_off_t) content);
	gzip->elsewhere = false;
	sink->bytes = gzip->before + content;
}

static void
gzip_finish(RdeSink *sink)
{
	GzipSink   *gzip = (GzipSink *) sink;
	char		trailer[8];
	int			i;

	begin(gzip);
	if (gzip->open)
	{
		compress_rest(gzip);
		rde_deflate_finish(gzip->deflate, sink->next);
	}
	else
		rde_sink_write(sink->next, last_block, sizeof(last_block));
	for (i = 0; i < 4; i++)
	{
		trailer[i] = (char) (gzip->crc >> (8 * i));
		/* the length modulo 4 GiB */
		trailer[4 + i] = (char) (sink->bytes >> (8 * i));
	}
	rde_sink_write(sink->next, trailer, sizeof(trailer));
	rde_sink_finish(sink->next);
}

static const RdeSinkOps gzip_ops = {
	.write = gzip_write,
	.finish = gzip_finish
};

RdeSink *
rde_sink_gzip_create(RdeSink *next, RdeDeflate *deflate, char *block)
{
	GzipSink   *gzip = palloc0(sizeof(GzipSink));

	gzip->sink.ops = &gzip_ops;
	gzip->sink.next = next;
	gzip->deflate = deflate;
	gzip->block = block;
	rde_deflate_reset(deflate);
	return &gzip->sink;
}
