/*
 * zlib_palloc.h
 *	  zlib's memory from a memory context, so that an error needs no clean-up.
 *
 * Invariant: what zlib is given is zeroed; nothing of it outlives the context.
 */
#ifndef RDE_ZLIB_PALLOC_H
#define RDE_ZLIB_PALLOC_H

#include "postgres.h"

#include <zlib.h>

#include "storage/shmem.h"
#include "utils/memutils.h"

static inline voidpf
rde_zlib_alloc(voidpf context, uInt items, uInt size)
{
	return MemoryContextAllocZero((MemoryContext) context,
								  mul_size(items, size));
}

static inline void
rde_zlib_free(voidpf context, voidpf address)
{
	pfree(address);
}

/* Let a stream use the current context; before deflateInit2(), inflateInit2(). */
static inline void
rde_zlib_use_palloc(z_stream *stream)
{
	stream->zalloc = rde_zlib_alloc;
	stream->zfree = rde_zlib_free;
	stream->opaque = CurrentMemoryContext;
}

#endif							/* RDE_ZLIB_PALLOC_H */
