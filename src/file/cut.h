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

#include "file/deflate.h"
#include "file/sink.h"

/* As long as the window of deflate is short: a cut costs next to nothing. */
#define RDE_SLICE_ALONE		((size_t) 1024 * 1024)

/* A slice as the cut made it. */
typedef struct RdeSlice
{
	bool		alone;			/* compressed, a stretch of its own */
	uint32		crc;			/* of the content, if so */
	uint64		content;		/* bytes */
	uint64		bytes;			/* that a spool was given of it */
} RdeSlice;

/*
 * A cut in front of a gzip member, which may use the same deflate; or in front of
 * a spool, which is given slices as they are, compressed or not, for a member
 * elsewhere.  `deflate` and `held`, RDE_SLICE_ALONE bytes, are its own until it is
 * finished, whatever they held before.
 */
extern RdeSink *rde_sink_cut_create(RdeSink *gzip, RdeDeflate *deflate,
									char *held);
extern RdeSink *rde_sink_cut_spool(RdeSink *spool, RdeDeflate *deflate,
								   char *held);

/* What is written from begin to end is a slice's content. */
extern void rde_cut_begin(RdeSink *cut);
extern RdeSlice rde_cut_end(RdeSink *cut);

/*
 * A slice that stood alone and was spooled goes into the member behind the cut:
 * its bytes, in pieces, into the sink that begin returns.
 */
extern RdeSink *rde_cut_begin_join(RdeSink *cut);
extern void rde_cut_end_join(RdeSink *cut, const RdeSlice *slice);

#endif							/* RDE_CUT_H */
