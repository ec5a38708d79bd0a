/*
 * output.c
 *	  A file that is being written: its context, and the sinks behind it.
 *
 * Invariant: what a file leaves to the next is memory, never content.
 */
#include "build/output.h"

#include "file/digest.h"
#include "file/gzip.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static const char *
to_utf8(const char *text)
{
	size_t		len;

	return text ? rde_text_to_utf8(text, strlen(text), &len) : NULL;
}

/* A context for a report's file, with the memory of the one before it. */
static void
prepare_context(const RdeCommon *common, const RdeReport *report,
				RdeFormatContext *context)
{
	RdeFormatContext before = *context;

	memset(context, 0, sizeof(*context));
	context->buffer.data = before.buffer.data;
	context->compressor = before.compressor;
	context->format = report->format;
	context->options = &report->options;
	context->columns = common->columns;
	context->ncolumns = common->ncolumns;
	context->report_name = to_utf8(report->name);
	context->dataset = report->dataset;
	context->view = to_utf8(report->view);
	context->has_reseller = report->has_reseller;
	context->reseller = report->reseller;
	context->invoice = to_utf8(report->invoice);
	context->period_from = report->period_from;
	context->period_to = report->period_to;
	context->dated = report->invoice ? report->due_at : report->period_to;
	context->zone = report->zone;
	if (common->spool)
	{
		context->part = true;
		context->rows_before = common->spool->rows_before;
	}
}

static void
chain_to_store(const RdeCommon *common, const RdeReport *report,
			   RdeOutput *output)
{
	RdeFormatContext *context = &output->context;

	output->store = rde_sink_store_create(common->ends, &report->id,
										  output->chunk);
	context->sink = output->digest = rde_sink_digest_create(output->store);
	if (!report->compressed)
		return;
	context->sink = rde_sink_gzip_create(context->sink, context->compressor);
	context->sink = context->cut = rde_sink_cut_create(context->sink,
													   context->compressor);
}

static void
chain_to_spool(const RdeCommon *common, RdeOutput *output, int number)
{
	RdeFormatContext *context = &output->context;

	context->sink = context->cut =
		rde_sink_cut_spool(common->spool->sinks[number], context->compressor,
						   &output->pieces);
}

void
rde_output_begin(RdeOutput *output, const RdeCommon *common,
				 const RdeReport *report, int number)
{
	RdeFormatContext *context = &output->context;
	MemoryContext old;

	prepare_context(common, report, context);
	old = MemoryContextSwitchTo(common->context);
	if (output->chunk == NULL && !common->spool)
		output->chunk = rde_chunk_create();
	if (context->compressor == NULL &&
		(report->compressed || !report->format->text))
		context->compressor = rde_compressor_create();
	rde_buffer_init(&context->buffer, NULL);
	MemoryContextSwitchTo(old);

	if (common->spool)
		chain_to_spool(common, output, number);
	else
		chain_to_store(common, report, output);
	rde_buffer_init(&context->buffer, context->sink);
	context->format->start(context);
	if (context->format->head && !common->spool)
		context->format->head(context);
}

void
rde_output_end(RdeOutput *output, int64 replaced, RdeManifest *manifest)
{
	RdeFormatContext *context = &output->context;

	context->format->end(context);
	rde_buffer_drain(&context->buffer);
	rde_sink_finish(context->sink);
	manifest->content_bytes = context->sink->bytes;
	manifest->file_bytes = output->store->bytes;
	memcpy(manifest->sha256, rde_sink_digest_result(output->digest),
		   PG_SHA256_DIGEST_LENGTH);
	manifest->replaced_characters = context->replaced_characters + replaced;
	manifest->text_numbers = context->text_numbers;
}

void
rde_output_end_part(RdeOutput *output, int64 replaced, RdePartFile *part)
{
	RdeFormatContext *context = &output->context;
	const RdePartOps *ops = context->format->parts;
	StringInfoData own;

	initStringInfo(&own);
	if (ops)
		ops->put(context, &own);
	rde_buffer_drain(&context->buffer);
	part->pieces = output->pieces;
	part->replaced = context->replaced_characters + replaced;
	part->text_numbers = context->text_numbers;
	part->own = own.data;
	part->own_length = own.len;
}

static void
copy_piece(RdeFormatContext *context, const RdePiece *piece, int number,
		   RdeSpoolRead read, void *spooled)
{
	RdeSink    *sink = context->cut ?
	rde_cut_begin_join(context->cut, piece) : context->sink;
	uint64		left = piece->bytes;
	char	   *data = palloc(RDE_BLOCK_SIZE);

	while (left > 0)
	{
		size_t		len = Min(left, RDE_BLOCK_SIZE);

		CHECK_FOR_INTERRUPTS();
		read(spooled, number, data, len);
		rde_sink_write(sink, data, len);
		left -= len;
	}
	if (context->cut)
		rde_cut_end_join(context->cut, piece);
	pfree(data);
}

void
rde_output_add_part(RdeOutput *output, const RdePartFile *part, int number,
					RdeSpoolRead read, void *spooled)
{
	RdeFormatContext *context = &output->context;
	const RdePartOps *ops = context->format->parts;

	if (ops)
		ops->get(context, part->own);
	for (int i = 0; i < part->pieces.count; i++)
	{
		const RdePiece *piece = &part->pieces.pieces[i];

		if (ops && piece->kind == RDE_PIECE_MARK)
			ops->mark(context);
		/* what the format wrote comes before it */
		rde_buffer_drain(&context->buffer);
		copy_piece(context, piece, number, read, spooled);
	}
	context->replaced_characters += part->replaced;
	context->text_numbers += part->text_numbers;
}
