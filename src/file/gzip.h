/*
 * gzip.h
 *	  A sink that makes one gzip member (RFC 1952) of what it is given.
 *
 * A member is a row of stretches, each a deflate stream that ends at the boundary
 * of a byte.  Bytes that are written become one stretch, up to where another
 * begins that was compressed elsewhere.
 */
#ifndef RDE_GZIP_H
#define RDE_GZIP_H

#include "file/deflate.h"
#include "file/sink.h"

/*
 * Its `bytes` are those of the content.  `deflate` and `block`, RDE_BLOCK_SIZE
 * bytes, are its own until it is finished, whatever they held before.
 */
extern RdeSink *rde_sink_gzip_create(RdeSink *next, RdeDeflate *deflate,
									 char *block);

/*
 * From begin to end, what is written is a stretch as rde_deflate_flush() ended it:
 * of so many bytes of content, which have this CRC.  Meanwhile the deflate that
 * the sink was given is free for other use, and is to be left flushed.
 */
extern void rde_gzip_begin_stretch(RdeSink *gzip);
extern void rde_gzip_end_stretch(RdeSink *gzip, uint64 content, uint32 crc);

#endif							/* RDE_GZIP_H */
