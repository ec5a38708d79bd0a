/*
 * store.c
 *	  Collects files' bytes and inserts them chunk by chunk.
 *
 * Invariant: every chunk but the last is exactly RDE_CHUNK_SIZE bytes, so a
 * byte's chunk and place follow from its offset.  Inserts run as the
 * extension's owner, whoever's rights the source is being read with.
 *
 * A full chunk is inserted at once.  What a file ends with is all there is of a
 * small one: it waits for those of other files, for the statement costs more than
 * the row.
 */
#include "file/store.h"

#include "core/statement.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Held at most: few enough for memory, enough for the statement not to matter. */
#define MAX_ENDS		256
#define MAX_END_BYTES	(256 * 1024)

struct RdeEnds
{
	const RdeHome *home;
	MemoryContext context;		/* of what is held */
	int			count;
	size_t		bytes;
	Datum		reports[MAX_ENDS];
	Datum		seqs[MAX_ENDS];
	Datum		data[MAX_ENDS];
};

typedef struct StoreSink
{
	RdeSink		base;
	RdeEnds    *ends;
	pg_uuid_t	report;
	int32		seq;			/* of the chunk being filled */
	size_t		used;			/* bytes in it */
	bytea	   *chunk;
} StoreSink;

static const RdeStatement insert_one = {
	.sql = "INSERT INTO %s._rde_report_chunk (report, seq, data)"
	" VALUES ($1, $2, $3)",
	.types = {UUIDOID, INT4OID, BYTEAOID},
	.expected = SPI_OK_INSERT
};

static const RdeStatement insert_several = {
	.sql = "INSERT INTO %s._rde_report_chunk (report, seq, data)"
	" SELECT * FROM unnest($1, $2, $3)",
	.types = {UUIDARRAYOID, INT4ARRAYOID, BYTEAARRAYOID},
	.planned_once = true,
	.expected = SPI_OK_INSERT
};

RdeEnds *
rde_ends_create(const RdeHome *home)
{
	RdeEnds    *ends = palloc(sizeof(RdeEnds));

	ends->home = home;
	ends->context = AllocSetContextCreate(CurrentMemoryContext,
										  "rde ends of files",
										  ALLOCSET_DEFAULT_SIZES);
	ends->count = 0;
	ends->bytes = 0;
	return ends;
}

void
rde_ends_insert(RdeEnds *ends)
{
	Datum		values[3];
	MemoryContext old;

	if (ends->count == 0)
		return;
	old = MemoryContextSwitchTo(ends->context);
	values[0] = rde_array(ends->reports, NULL, ends->count, UUIDOID);
	values[1] = rde_array(ends->seqs, NULL, ends->count, INT4OID);
	values[2] = rde_array(ends->data, NULL, ends->count, BYTEAOID);
	rde_connect();
	rde_execute(ends->home, &insert_several, values, NULL);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextReset(ends->context);
	ends->count = 0;
	ends->bytes = 0;
}

/* Hold the last chunk of a file back, to be inserted with others'. */
static void
hold(RdeEnds *ends, const StoreSink *store)
{
	MemoryContext old = MemoryContextSwitchTo(ends->context);
	pg_uuid_t  *report = palloc(sizeof(pg_uuid_t));
	bytea	   *data = palloc(VARSIZE(store->chunk));

	*report = store->report;
	memcpy(data, store->chunk, VARSIZE(store->chunk));
	MemoryContextSwitchTo(old);
	ends->reports[ends->count] = UUIDPGetDatum(report);
	ends->seqs[ends->count] = Int32GetDatum(store->seq);
	ends->data[ends->count] = PointerGetDatum(data);
	ends->count++;
	ends->bytes += VARSIZE(data);
	if (ends->count == MAX_ENDS || ends->bytes >= MAX_END_BYTES)
		rde_ends_insert(ends);
}

static void
insert_chunk(StoreSink *store)
{
	Datum		values[] = {
		UUIDPGetDatum(&store->report), Int32GetDatum(store->seq),
		PointerGetDatum(store->chunk)
	};

	rde_connect();
	rde_execute(store->ends->home, &insert_one, values, NULL);
	SPI_finish();
}

/* What has been collected of the chunk is all of it. */
static void
end_chunk(StoreSink *store)
{
	CHECK_FOR_INTERRUPTS();
	SET_VARSIZE(store->chunk, VARHDRSZ + store->used);
	if (store->used < MAX_END_BYTES)
		hold(store->ends, store);
	else
		insert_chunk(store);
	store->seq++;
	store->used = 0;
}

static void
store_write(RdeSink *sink, const char *data, size_t len)
{
	StoreSink  *store = (StoreSink *) sink;

	while (len > 0)
	{
		size_t		piece = Min(len, RDE_CHUNK_SIZE - store->used);

		memcpy(VARDATA(store->chunk) + store->used, data, piece);
		store->used += piece;
		data += piece;
		len -= piece;
		if (store->used == RDE_CHUNK_SIZE)
			end_chunk(store);
	}
}

static void
store_finish(RdeSink *sink)
{
	StoreSink  *store = (StoreSink *) sink;

	if (store->used > 0)
		end_chunk(store);
}

static const RdeSinkOps store_ops = {store_write, store_finish};

bytea *
rde_chunk_create(void)
{
	return palloc(VARHDRSZ + RDE_CHUNK_SIZE);
}

RdeSink *
rde_sink_store_create(RdeEnds *ends, const pg_uuid_t *report, bytea *chunk)
{
	StoreSink  *store = palloc0(sizeof(StoreSink));

	store->base.ops = &store_ops;
	store->ends = ends;
	store->report = *report;
	store->chunk = chunk;
	return &store->base;
}
