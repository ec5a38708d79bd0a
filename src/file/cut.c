/*
 * cut.c
 *	  A sink that cuts the deflate stream around large slices.
 *
 * Invariant: where the stream is cut follows from the content of each slice alone.
 * At most RDE_SLICE_ALONE bytes are held back to find out.
 */
#include "file/cut.h"

#include "file/gzip.h"

typedef enum CutState
{
	CUT_BETWEEN,				/* slices */
	CUT_HELD,					/* a slice, not yet long enough */
	CUT_ALONE					/* it is */
} CutState;

typedef struct CutSink
{
	RdeSink		sink;
	bool		joins;			/* the next sink is a gzip member */
	CutState	state;
	uint64		begun;			/* bytes before the slice */
	uint64		passed_on;		/* bytes of the next sink before it */
	uint32		crc;
	RdeDeflate *deflate;
	size_t		used;			/* bytes in `held` */
	char	   *held;
} CutSink;

static void
compress_slice(CutSink *cut, const char *data, size_t len)
{
	while (len > 0)
	{
		size_t		piece = Min(len, RDE_BLOCK_SIZE);

		cut->crc = rde_crc32(cut->crc, data, piece);
		rde_deflate_write(cut->deflate, data, piece, cut->sink.next);
		data += piece;
		len -= piece;
	}
}

static void
stand_alone(CutSink *cut)
{
	if (cut->joins)
		rde_gzip_begin_stretch(cut->sink.next);
	cut->state = CUT_ALONE;
	cut->crc = 0;
	compress_slice(cut, cut->held, cut->used);
	cut->used = 0;
}

static void
cut_write(RdeSink *sink, const char *data, size_t len)
{
	CutSink    *cut = (CutSink *) sink;

	if (cut->state == CUT_BETWEEN)
	{
		rde_sink_write(sink->next, data, len);
		return;
	}
	if (cut->state == CUT_HELD)
	{
		size_t		piece = Min(len, RDE_SLICE_ALONE - cut->used);

		memcpy(cut->held + cut->used, data, piece);
		cut->used += piece;
		data += piece;
		len -= piece;
		if (cut->used == RDE_SLICE_ALONE)
			stand_alone(cut);
	}
	compress_slice(cut, data, len);
}

void
rde_cut_begin(RdeSink *sink)
{
	CutSink    *cut = (CutSink *) sink;

	Assert(cut->state == CUT_BETWEEN);
	cut->state = CUT_HELD;
	cut->begun = sink->bytes;
	cut->passed_on = sink->next->bytes;
}

RdeSlice
rde_cut_end(RdeSink *sink)
{
	CutSink    *cut = (CutSink *) sink;
	RdeSlice	slice = {.content = sink->bytes - cut->begun};

	if (cut->state == CUT_ALONE)
	{
		slice.alone = true;
		slice.crc = cut->crc;
		rde_deflate_flush(cut->deflate, sink->next);
		if (cut->joins)
			rde_gzip_end_stretch(sink->next, slice.content, slice.crc);
	}
	else
		rde_sink_write(sink->next, cut->held, cut->used);
	cut->used = 0;
	cut->state = CUT_BETWEEN;
	slice.bytes = sink->next->bytes - cut->passed_on;
	return slice;
}

RdeSink *
rde_cut_begin_join(RdeSink *sink)
{
	rde_gzip_begin_stretch(sink->next);
	return sink->next;
}

void
rde_cut_end_join(RdeSink *sink, const RdeSlice *slice)
{
	rde_gzip_end_stretch(sink->next, slice->content, slice->crc);
	sink->bytes += slice->content;
}

static void
cut_finish(RdeSink *sink)
{
	Assert(((CutSink *) sink)->state == CUT_BETWEEN);
	rde_sink_finish(sink->next);
}

static const RdeSinkOps cut_ops = {cut_write, cut_finish};

static RdeSink *
create(RdeSink *next, RdeDeflate *deflate, char *held, bool joins)
{
	CutSink    *cut = palloc0(sizeof(CutSink));

	cut->sink.ops = &cut_ops;
	cut->sink.next = next;
	cut->deflate = deflate;
	cut->held = held;
	cut->joins = joins;
	return &cut->sink;
}

RdeSink *
rde_sink_cut_create(RdeSink *gzip, RdeDeflate *deflate, char *held)
{
	return create(gzip, deflate, held, true);
}

RdeSink *
rde_sink_cut_spool(RdeSink *spool, RdeDeflate *deflate, char *held)
{
	rde_deflate_reset(deflate);
	return create(spool, deflate, held, false);
}
