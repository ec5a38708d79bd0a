/*
 * stretch.c
 *	  A deflate stream made of stretches: what gzip members and ZIP entries hold.
 *
 * Invariant: its bytes follow from the content and from where it is cut into
 * stretches: not from the pieces it comes in, nor from who compressed a stretch.
 */
#include "postgres.h"

#include <zlib.h>

#include "file/stretch.h"

/* A last block of deflate, with nothing in it. */
static const char last_block[2] = {3, 0};

RdeCompressor *
rde_compressor_create(void)
{
	RdeCompressor *compressor = palloc(sizeof(RdeCompressor));

	compressor->deflate = rde_deflate_create();
	compressor->block = palloc(RDE_BLOCK_SIZE);
	compressor->held = palloc(RDE_SLICE_ALONE);
	return compressor;
}

void
rde_stretches_init(RdeStretches *stretches, const RdeSinkOps *ops,
				   RdeSink *next, RdeCompressor *compressor)
{
	memset(stretches, 0, sizeof(RdeStretches));
	stretches->sink.ops = ops;
	stretches->sink.next = next;
	stretches->compressor = compressor;
	rde_deflate_reset(compressor->deflate);
}

static void
compress_block(RdeStretches *stretches, const char *data, size_t len)
{
	stretches->crc = rde_crc32(stretches->crc, data, len);
	rde_deflate_write(stretches->compressor->deflate, data, len,
					  stretches->sink.next);
}

static void
compress_rest(RdeStretches *stretches)
{
	compress_block(stretches, stretches->compressor->block, stretches->used);
	stretches->used = 0;
}

void
rde_stretches_write(RdeSink *sink, const char *data, size_t len)
{
	RdeStretches *stretches = (RdeStretches *) sink;

	if (stretches->elsewhere)
	{
		rde_sink_write(sink->next, data, len);
		return;
	}
	stretches->open = true;
	while (len > 0)
	{
		size_t		piece = Min(len, RDE_BLOCK_SIZE - stretches->used);

		if (piece == RDE_BLOCK_SIZE)
			compress_block(stretches, data, piece);
		else
		{
			memcpy(stretches->compressor->block + stretches->used, data, piece);
			stretches->used += piece;
			if (stretches->used == RDE_BLOCK_SIZE)
				compress_rest(stretches);
		}
		data += piece;
		len -= piece;
	}
}

void
rde_stretches_end(RdeStretches *stretches)
{
	RdeSink    *next = stretches->sink.next;

	if (stretches->open)
	{
		compress_rest(stretches);
		rde_deflate_finish(stretches->compressor->deflate, next);
	}
	else
		rde_sink_write(next, last_block, sizeof(last_block));
}

void
rde_stretch_begin(RdeSink *sink)
{
	RdeStretches *stretches = (RdeStretches *) sink;

	if (stretches->open)
	{
		compress_rest(stretches);
		rde_deflate_flush(stretches->compressor->deflate, sink->next);
		stretches->open = false;
	}
	stretches->elsewhere = true;
	stretches->before = sink->bytes;
}

void
rde_stretch_end(RdeSink *sink, uint64 content, uint32 crc)
{
	RdeStretches *stretches = (RdeStretches *) sink;

	stretches->crc = crc32_combine(stretches->crc, crc, (z_off_t) content);
	stretches->elsewhere = false;
	sink->bytes = stretches->before + content;
}
