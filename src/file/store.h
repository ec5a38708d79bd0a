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

/* What files end with, which is inserted together. */
typedef struct RdeEnds RdeEnds;

/* Lies in the current context, as all it holds; home must outlive it. */
extern RdeEnds *rde_ends_create(const RdeHome *home);

/* Insert what is held: to be called when the last of the files is finished. */
extern void rde_ends_insert(RdeEnds *ends);

/*
 * `chunk` is room for one, rde_chunk_create() makes it: the sink's own until it
 * is finished, whatever it held before.
 */
extern RdeSink *rde_sink_store_create(RdeEnds *ends, const pg_uuid_t *report,
									  bytea *chunk);
extern bytea *rde_chunk_create(void);

#endif							/* RDE_SINK_STORE_H */
