/*
 * pack.h
 *	  Bytes one after the other, for another process of the same server.
 *
 * Invariant: what is got is what was put, in the same order.
 */
#ifndef RDE_PACK_H
#define RDE_PACK_H

#include "core/compat.h"
#include "lib/stringinfo.h"
#include "utils/numeric.h"

static inline void
rde_pack(StringInfo to, const void *bytes, size_t len)
{
	appendBinaryStringInfo(to, bytes, (int) len);
}

static inline void
rde_unpack(const char **from, void *bytes, size_t len)
{
	memcpy(bytes, *from, len);
	*from += len;
}

/* A number, or NULL; what is got is palloc'ed. */
static inline void
rde_pack_numeric(StringInfo to, Numeric number)
{
	Size		size = number ? VARSIZE_ANY(number) : 0;

	rde_pack(to, &size, sizeof(Size));
	rde_pack(to, number, size);
}

static inline Numeric
rde_unpack_numeric(const char **from)
{
	Size		size;
	Numeric		number = NULL;

	rde_unpack(from, &size, sizeof(Size));
	if (size > 0)
	{
		number = palloc(size);
		rde_unpack(from, number, size);
	}
	return number;
}

#endif							/* RDE_PACK_H */
