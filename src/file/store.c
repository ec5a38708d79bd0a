/*
 * store.c
 *	  Collects a file's bytes and inserts them chunk by chunk.
 *
 * Invariant: every chunk but the last is exactly RDE_CHUNK_SIZE bytes, so a
 * byte's chunk and place follow from its offset.  Inserts run as the
 * extension's owner, whoever's rights the source is being read with.
 */
#include "file/store.h"

#include "core/statement.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

typedef struct StoreSink
{
	RdeSink		base;
	const RdeHome *home;
	pg_uuid_t	report;
	int32		seq;			/* of the chunk being filled */
	size_t		used;			/* bytes in it */
	bytea	   *chunk;
} StoreSink;

static const RdeStatement insert = {
	.sql = "INSERT INTO %s._rde_report_chunk (report, seq, data)"
	" VALUES ($1, $2, $3)",
	.types = {UUIDOID, INT4OID, BYTEAOID},
	.expected = SPI_OK_INSERT
};

static void
insert_chunk(StoreSink *store)
{
	Datum		values[3];

	CHECK_FOR_INTERRUPTS();
	SET_VARSIZE(store->chunk, VARHDRSZ + store->used);
	values[0] = UUIDPGetDatum(&store->report);
	values[1] = Int32GetDatum(store->seq);
	values[2] = PointerGetDatum(store->chunk);

	rde_connect();
	rde_execute(store->home, &insert, values, NULL);
	SPI_finish();

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
			insert_chunk(store);
	}
}

static void
store_finish(RdeSink *sink)
{
	StoreSink  *store = (StoreSink *) sink;

	if (store->used > 0)
		insert_chunk(store);
}

static const RdeSinkOps store_ops = {store_write, store_finish};

RdeSink *
rde_sink_store_create(const RdeHome *home, const pg_uuid_t *report)
{
	StoreSink  *store = palloc0(sizeof(StoreSink));

	store->base.ops = &store_ops;
	store->home = home;
	store->report = *report;
	store->chunk = palloc(VARHDRSZ + RDE_CHUNK_SIZE);
	return &store->base;
}
