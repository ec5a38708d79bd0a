/*
 * store.h
 *	  The last sink: bytes become rows of _rde_report_chunk.
 */
#ifndef RDE_SINK_STORE_H
#define RDE_SINK_STORE_H

#include "core/rde.h"
#include "file/sink.h"
#include "utils/uuid.h"

/* Every chunk of a report but the last is exactly this long. */
#define RDE_CHUNK_SIZE	(1024 * 1024)

/* home must outlive the sink. */
extern RdeSink *rde_sink_store_create(const RdeHome *home,
									  const pg_uuid_t *report);

#endif							/* RDE_SINK_STORE_H */
