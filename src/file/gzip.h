/*
 * gzip.h
 *	  A sink that makes one gzip member (RFC 1952) of what it is given.
 */
#ifndef RDE_GZIP_H
#define RDE_GZIP_H

#include "file/stretch.h"

/* It begins with RdeStretches.  The compressor is its own until it is finished. */
extern RdeSink *rde_sink_gzip_create(RdeSink *next, RdeCompressor *compressor);

#endif							/* RDE_GZIP_H */
