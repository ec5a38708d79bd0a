/*
 * cut.c
 *	  A sink that cuts the deflate stream around large slices.
 *
 * Invariant: where the stream is cut follows from the content of each slice alone.
 * At most RDE_SLICE_ALONE bytes are held back to find out.
 */
#include "file/cut.h"

typedef enum CutState
{
	CUT_BETWEEN,				/* slices */
	CUT_HELD,					/* a slice, not yet long enough */
	CUT_ALONE					/* it is */
} CutState;

typedef struct CutSink
{
	RdeSink		sink;
	RdeCompressor *compressor;	/* NULL: nothing is cut */
	RdePieces  *pieces;			/* NULL: the next sink has stretches */
	CutState	state;
	uint64		begun;			/* bytes before the slice */
	uint64		passed_on;		/* bytes of the next sink before it */
	uint32		crc;
	size_t		used;			/* bytes in the compressor's `held` */
} CutSink;

static RdePiece *
add_piece(RdePieces *pieces, RdePieceKind kind)
{
	RdePiece   *piece;

	if (pieces->count == pieces->room)
	{
		pieces->room *= 2;
		pieces->pieces = repalloc(pieces->pieces,
								  sizeof(RdePiece) * pieces->room);
	}
	piece = &pieces->pieces[pieces->count++];
	memset(piece, 0, sizeof(RdePiece));
	piece->kind = kind;
	return piece;
}

/* Content that is no stretch of its own. */
static void
pass_on(CutSink *cut, const char *data, size_t len)
{
	RdePieces  *pieces = cut->pieces;
	RdePiece   *piece;

	rde_sink_write(cut->sink.next, data, len);
	if (pieces == NULL || len == 0)
		return;
	if (pieces->count > 0 &&
		pieces->pieces[pieces->count - 1].kind == RDE_PIECE_PLAIN)
		piece = &pieces->pieces[pieces->count - 1];
	else
		piece = add_piece(pieces, RDE_PIECE_PLAIN);
	piece->content += len;
	piece->bytes += len;
}

static void
compress_slice(CutSink *cut, const char *data, size_t len)
{
	while (len > 0)
	{
		size_t		piece = Min(len, RDE_BLOCK_SIZE);

		cut->crc = rde_crc32(cut->crc, data, piece);
		rde_deflate_write(cut->compressor->deflate, data, piece,
						  cut->sink.next);
		data += piece;
		len -= piece;
	}
}

static void
stand_alone(CutSink *cut)
{
	if (cut->pieces == NULL)
		rde_stretch_begin(cut->sink.next);
	cut->state = CUT_ALONE;
	cut->crc = 0;
	compress_slice(cut, cut->compressor->held, cut->used);
	cut->used = 0;
}

static void
cut_write(RdeSink *sink, const char *data, size_t len)
{
	CutSink    *cut = (CutSink *) sink;

	if (cut->state == CUT_BETWEEN)
	{
		pass_on(cut, data, len);
		return;
	}
	if (cut->state == CUT_HELD)
	{
		size_t		piece = Min(len, RDE_SLICE_ALONE - cut->used);

		memcpy(cut->compressor->held + cut->used, data, piece);
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
	if (cut->compressor == NULL)
		return;
	cut->state = CUT_HELD;
	cut->begun = sink->bytes;
	cut->passed_on = sink->next->bytes;
}

static void
end_stretch(CutSink *cut)
{
	RdeSink    *next = cut->sink.next;
	uint64		content = cut->sink.bytes - cut->begun;
	RdePiece   *piece;

	rde_deflate_flush(cut->compressor->deflate, next);
	if (cut->pieces == NULL)
		rde_stretch_end(next, content, cut->crc);
	else
	{
		piece = add_piece(cut->pieces, RDE_PIECE_STRETCH);
		piece->crc = cut->crc;
		piece->content = content;
		piece->bytes = next->bytes - cut->passed_on;
	}
}

void
rde_cut_end(RdeSink *sink)
{
	CutSink    *cut = (CutSink *) sink;
	CutState	state = cut->state;

	cut->state = CUT_BETWEEN;
	if (state == CUT_ALONE)
		end_stretch(cut);
	else if (state == CUT_HELD)
		pass_on(cut, cut->compressor->held, cut->used);
	cut->used = 0;
}

void
rde_cut_mark(RdeSink *sink)
{
	CutSink    *cut = (CutSink *) sink;

	Assert(cut->state == CUT_BETWEEN && cut->pieces);
	(void) add_piece(cut->pieces, RDE_PIECE_MARK);
}

RdeSink *
rde_cut_begin_join(RdeSink *sink, const RdePiece *piece)
{
	if (piece->kind != RDE_PIECE_STRETCH)
		return sink;
	rde_stretch_begin(sink->next);
	return sink->next;
}

void
rde_cut_end_join(RdeSink *sink, const RdePiece *piece)
{
	if (piece->kind != RDE_PIECE_STRETCH)
		return;
	rde_stretch_end(sink->next, piece->content, piece->crc);
	sink->bytes += piece->content;
}

static void
cut_finish(RdeSink *sink)
{
	Assert(((CutSink *) sink)->state == CUT_BETWEEN);
	rde_sink_finish(sink->next);
}

static const RdeSinkOps cut_ops = {cut_write, cut_finish};

static RdeSink *
create(RdeSink *next, RdeCompressor *compressor, RdePieces *pieces)
{
	CutSink    *cut = palloc0(sizeof(CutSink));

	cut->sink.ops = &cut_ops;
	cut->sink.next = next;
	cut->compressor = compressor;
	cut->pieces = pieces;
	return &cut->sink;
}

RdeSink *
rde_sink_cut_create(RdeSink *stretches, RdeCompressor *compressor)
{
	return create(stretches, compressor, NULL);
}

RdeSink *
rde_sink_cut_spool(RdeSink *spool, RdeCompressor *compressor,
				   RdePieces *pieces)
{
	if (compressor)
		rde_deflate_reset(compressor->deflate);
	pieces->count = 0;
	pieces->room = 16;
	pieces->pieces = palloc(sizeof(RdePiece) * pieces->room);
	return create(spool, compressor, pieces);
}
