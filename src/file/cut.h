/*
 * cut.h
 *	  Around which slices of a file the deflate stream is cut.
 *
 * A slice whose content has RDE_SLICE_ALONE bytes or more is a stretch of its own.
 * Shorter ones share a stretch with their neighbours, and with what lies between
 * slices.  So whoever has a slice alone knows whether it is cut out, and can
 * compress it.
 */
#ifndef RDE_CUT_H
#define RDE_CUT_H

#include "file/stretch.h"

/* What a spool holds of a file, one piece after the other. */
typedef enum RdePieceKind
{
	RDE_PIECE_PLAIN,			/* content as it is */
	RDE_PIECE_STRETCH,			/* a slice, compressed */
	RDE_PIECE_MARK				/* nothing: see rde_cut_mark() */
} RdePieceKind;

typedef struct RdePiece
{
	RdePieceKind kind;
	uint32		crc;			/* of a stretch's content */
	uint64		content;		/* bytes */
	uint64		bytes;			/* in the spool */
} RdePiece;

typedef struct RdePieces
{
	int			count;
	int			room;
	RdePiece   *pieces;
} RdePieces;

/*
 * A cut in front of a sink that begins with RdeStretches and may have the same
 * compressor; or in front of a spool, which is given a file in pieces that are
 * listed in the current context, for stretches elsewhere.  Without a compressor all
 * of it is plain.
 */
extern RdeSink *rde_sink_cut_create(RdeSink *stretches,
									RdeCompressor *compressor);
extern RdeSink *rde_sink_cut_spool(RdeSink *spool, RdeCompressor *compressor,
								   RdePieces *pieces);

/* What is written from begin to end is a slice's content. */
extern void rde_cut_begin(RdeSink *cut);
extern void rde_cut_end(RdeSink *cut);

/* Between slices, of a spool: something is to be done here by whoever joins. */
extern void rde_cut_mark(RdeSink *cut);

/*
 * Between slices: a piece of a spool goes into the stretches behind the cut, or
 * into any sink that has none if all is plain.  Its bytes are written into the sink
 * that begin returns.
 */
extern RdeSink *rde_cut_begin_join(RdeSink *cut, const RdePiece *piece);
extern void rde_cut_end_join(RdeSink *cut, const RdePiece *piece);

#endif							/* RDE_CUT_H */
