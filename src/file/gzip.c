/*
 * gzip.c
 *	  A sink that makes one gzip member (RFC 1952) of all bytes it is given.
 *
 * Invariant: the member holds no name, no time and no trace of the machine, so
 * that equal content gives equal bytes.
 */
#include "postgres.h"

#include "file/deflate.h"
#include "file/sink.h"

typedef struct GzipSink
{
	RdeSink		sink;
	RdeDeflate *deflate;
	uint32		crc;
	bool		begun;
} GzipSink;

/* flags 0, modification time 0, 4: fastest level, 255: no system named */
static const char gzip_header[10] = {
	'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 4, '\xff'
};

static void
gzip_begin(GzipSink *gzip)
{
	if (!gzip->begun)
		rde_sink_write(gzip->sink.next, gzip_header, sizeof(gzip_header));
	gzip->begun = true;
}

static void
gzip_write(RdeSink *sink, const char *data, size_t len)
{
	GzipSink   *gzip = (GzipSink *) sink;

	gzip_begin(gzip);
	gzip->crc = rde_crc32(gzip->crc, data, len);
	rde_deflate_write(gzip->deflate, data, len, sink->next);
}

static void
gzip_finish(RdeSink *sink)
{
	GzipSink   *gzip = (GzipSink *) sink;
	char		trailer[8];
	int			i;

	gzip_begin(gzip);
	rde_deflate_finish(gzip->deflate, sink->next);
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
rde_sink_gzip_create(RdeSink *next, RdeDeflate *deflate)
{
	GzipSink   *gzip = palloc0(sizeof(GzipSink));

	gzip->sink.ops = &gzip_ops;
	gzip->sink.next = next;
	gzip->deflate = deflate;
	rde_deflate_reset(deflate);
	return &gzip->sink;
}
