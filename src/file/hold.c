/*
 * hold.c
 *	  A sink that keeps bytes in memory, for what must be written before them.
 *
 * Invariant: whoever writes sees to it that this is not much.
 */
#include "file/hold.h"

#include "lib/stringinfo.h"

typedef struct HoldSink
{
	RdeSink		base;
	StringInfoData bytes;
} HoldSink;

static void
hold_write(RdeSink *sink, const char *data, size_t len)
{
	appendBinaryStringInfo(&((HoldSink *) sink)->bytes, data, len);
}

static void
hold_finish(RdeSink *sink)
{
	elog(ERROR, "what is held was not released");
}

static const RdeSinkOps hold_ops = {hold_write, hold_finish};

RdeSink *
rde_hold_create(void)
{
	HoldSink   *hold = palloc0(sizeof(HoldSink));

	hold->base.ops = &hold_ops;
	initStringInfo(&hold->bytes);
	return &hold->base;
}

void
rde_hold_release(RdeSink *sink, RdeBuffer *buffer)
{
	HoldSink   *hold = (HoldSink *) sink;

	rde_buffer_append(buffer, hold->bytes.data, hold->bytes.len);
	pfree(hold->bytes.data);
	pfree(hold);
}
