/*
 * digest.h
 *	  A sink that passes bytes on and takes their SHA-256 on the way.
 */
#ifndef RDE_SINK_DIGEST_H
#define RDE_SINK_DIGEST_H

#include "common/sha2.h"
#include "file/sink.h"

extern RdeSink *rde_sink_digest_create(RdeSink *next);

/* Of what was written until now; what comes later is passed on only. */
extern void rde_sink_digest_end(RdeSink *sink);

/*
 * The digest, PG_SHA256_DIGEST_LENGTH bytes; the sink must be finished, or its
 * digest ended.
 */
extern const uint8 *rde_sink_digest_result(RdeSink *sink);

#endif							/* RDE_SINK_DIGEST_H */
