/*
 * kept.h
 *	  A sink that keeps what it is given: the last one of a chain that a test reads.
 */
#ifndef TEST_KEPT_H
#define TEST_KEPT_H

#include "postgres.h"

#include "file/sink.h"
#include "lib/stringinfo.h"

typedef struct Kept
{
	RdeSink		sink;
	StringInfoData data;
} Kept;

static void
kept_write(RdeSink *sink, const char *data, size_t len)
{
	appendBinaryStringInfo(&((Kept *) sink)->data, data, (int) len);
}

static void
kept_finish(RdeSink *sink)
{
}

static const RdeSinkOps kept_ops = {kept_write, kept_finish};

static inline Kept *
kept_create(void)
{
	Kept	   *kept = palloc0(sizeof(Kept));

	kept->sink.ops = &kept_ops;
	initStringInfo(&kept->data);
	return kept;
}

#endif							/* TEST_KEPT_H */
