/*
 * digest.c
 *	  SHA-256 of a file as it streams by, through the server's own cryptohash.
 *
 * Invariant: the context is the resource owner's, so an error frees it.
 */
#include "file/digest.h"

#include "common/cryptohash.h"

typedef struct DigestSink
{
	RdeSink		base;
	pg_cryptohash_ctx *hash;
	uint8		result[PG_SHA256_DIGEST_LENGTH];
} DigestSink;

static void
digest_write(RdeSink *sink, const char *data, size_t len)
{
	DigestSink *digest = (DigestSink *) sink;

	if (digest->hash &&
		pg_cryptohash_update(digest->hash, (const uint8 *) data, len) < 0)
		elog(ERROR, "could not update SHA-256: %s",
			 pg_cryptohash_error(digest->hash));
	rde_sink_write(sink->next, data, len);
}

void
rde_sink_digest_end(RdeSink *sink)
{
	DigestSink *digest = (DigestSink *) sink;

	if (digest->hash == NULL)
		return;
	if (pg_cryptohash_final(digest->hash, digest->result,
							sizeof(digest->result)) < 0)
		elog(ERROR, "could not finish SHA-256: %s",
			 pg_cryptohash_error(digest->hash));
	pg_cryptohash_free(digest->hash);
	digest->hash = NULL;
}

static void
digest_finish(RdeSink *sink)
{
	rde_sink_digest_end(sink);
	rde_sink_finish(sink->next);
}

static const RdeSinkOps digest_ops = {digest_write, digest_finish};

RdeSink *
rde_sink_digest_create(RdeSink *next)
{
	DigestSink *digest = palloc0(sizeof(DigestSink));

	digest->base.ops = &digest_ops;
	digest->base.next = next;
	digest->hash = pg_cryptohash_create(PG_SHA256);
	if (digest->hash == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (pg_cryptohash_init(digest->hash) < 0)
		elog(ERROR, "could not start SHA-256: %s",
			 pg_cryptohash_error(digest->hash));
	return &digest->base;
}

const uint8 *
rde_sink_digest_result(RdeSink *sink)
{
	Assert(((DigestSink *) sink)->hash == NULL);
	return ((DigestSink *) sink)->result;
}
