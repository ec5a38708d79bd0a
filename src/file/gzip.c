/*
 * gzip.c
 *	  A sink that makes one gzip member (RFC 1952) of all bytes it is given.
 *
 * Invariant: the member holds no name, no time and no trace of the machine.
 */
#include "file/gzip.h"

/* flags 0, modification time 0, 4: fastest level, 255: no system named */
static const char gzip_header[10] = {
	'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 4, '\xff'
};

static void
gzip_finish(RdeSink *sink)
{
	RdeStretches *stretches = (RdeStretches *) sink;
	char		trailer[8];

	rde_stretches_end(stretches);
	for (int i = 0; i < 4; i++)
	{
		trailer[i] = (char) (stretches->crc >> (8 * i));
		/* the length modulo 4 GiB */
		trailer[4 + i] = (char) (sink->bytes >> (8 * i));
	}
	rde_sink_write(sink->next, trailer, sizeof(trailer));
	rde_sink_finish(sink->next);
}

static const RdeSinkOps gzip_ops = {
	.write = rde_stretches_write,
	.finish = gzip_finish
};

RdeSink *
rde_sink_gzip_create(RdeSink *next, RdeCompressor *compressor)
{
	RdeStretches *stretches = palloc(sizeof(RdeStretches));

	rde_stretches_init(stretches, &gzip_ops, next, compressor);
	rde_sink_write(next, gzip_header, sizeof(gzip_header));
	return &stretches->sink;
}
