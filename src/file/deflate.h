/*
 * deflate.h
 *	  A raw deflate stream (RFC 1951) over ISA-L, or over zlib where the build
 *	  found no ISA-L.  gzip members and ZIP entries are both made of it.
 *
 * All memory is palloc'ed in the context current at creation, so an error needs
 * no clean-up.  Output goes straight to a sink.
 */
#ifndef RDE_DEFLATE_H
#define RDE_DEFLATE_H

#include "file/sink.h"

typedef struct RdeDeflate RdeDeflate;

extern RdeDeflate *rde_deflate_create(void);

/* Start another stream with the same memory. */
extern void rde_deflate_reset(RdeDeflate *deflate);

/*
 * Compress len bytes; what comes out is written to `out`.  Those that a stream begins
 * with are all of it, or as many as a block has.
 */
extern void rde_deflate_write(RdeDeflate *deflate, const char *data,
							  size_t len, RdeSink *out);

/*
 * End at the boundary of a byte, with a stream that is open still: whatever comes
 * next may follow.  The rest is written to `out`.  What is written to this one
 * afterwards is another stream, which begins as the first did.
 */
extern void rde_deflate_flush(RdeDeflate *deflate, RdeSink *out);

/* End the stream; the rest of it is written to `out`. */
extern void rde_deflate_finish(RdeDeflate *deflate, RdeSink *out);

/* CRC-32 as gzip and ZIP use it; start with crc = 0. */
extern uint32 rde_crc32(uint32 crc, const char *data, size_t len);

#endif							/* RDE_DEFLATE_H */
