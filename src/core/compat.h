/*
 * compat.h
 *	  What differs between PostgreSQL 15 and 18, in one place.
 */
#ifndef RDE_COMPAT_H
#define RDE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* written before a declaration, as from 18 on */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* base64 of bytes, which are uint8 from 18 on; see common/base64.h */
#if PG_VERSION_NUM >= 180000
#define rde_b64_encode(src, len, dst, dstlen) \
	pg_b64_encode(src, len, dst, dstlen)
#define rde_b64_decode(src, len, dst, dstlen) \
	pg_b64_decode(src, len, dst, dstlen)
#else
#define rde_b64_encode(src, len, dst, dstlen) \
	pg_b64_encode((const char *) (src), len, dst, dstlen)
#define rde_b64_decode(src, len, dst, dstlen) \
	pg_b64_decode(src, len, (char *) (dst), dstlen)
#endif

/* run a plan to its end, once */
#if PG_VERSION_NUM >= 180000
#define rde_executor_run(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0)
#else
#define rde_executor_run(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0, true)
#endif

/* in the current memory context, or from 17 on of the current resource owner */
#if PG_VERSION_NUM >= 170000
#define rde_create_wait_event_set(size) \
	CreateWaitEventSet(CurrentResourceOwner, size)
#else
#define rde_create_wait_event_set(size) \
	CreateWaitEventSet(CurrentMemoryContext, size)
#endif

#endif							/* RDE_COMPAT_H */
