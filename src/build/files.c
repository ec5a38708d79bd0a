/*
 * files.c
 *	  The files of a build, one reseller's after another's.
 *
 * Invariant: a row goes into the files of one share and of no other; every share
 * gets its files, whether it has rows or not, and is never begun again.  Only one
 * share's files are open at a time, so memory does not grow with the number of
 * resellers.
 */
#include "build/files.h"

#include "core/row.h"
#include "file/digest.h"
#include "file/gzip.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* A file that is open, and the memory it leaves to the next. */
struct RdeOutput
{
	RdeFormatContext context;	/* with a buffer and a compressor that stay */
	bytea	   *chunk;			/* these stay, too: see rde_chunk_create(), */
	char	   *block;			/* gzip.h, */
	char	   *held;			/* and cut.h */
	RdeSink    *store;
	RdeSink    *digest;
};

/* Could two reports be built by one SELECT that differ in their resellers? */
static bool
differ_in_resellers_only(const RdeReport *a, const RdeReport *b)
{
	return strcmp(a->dataset, b->dataset) == 0 &&
		strcmp(a->view, b->view) == 0 && !a->own_view && !b->own_view &&
		strcmp(a->time_zone, b->time_zone) == 0 &&
		compareJsonbContainers(&a->asked->root, &b->asked->root) == 0 &&
		a->period_from == b->period_from && a->period_to == b->period_to &&
		!a->invoice && !b->invoice &&
		!a->snapshot_window && !b->snapshot_window &&
		rde_report_has_one_reseller(a) && rde_report_has_one_reseller(b);
}

/* Reports of one pass of one reseller, or of nobody. */
static bool
same_share(const RdeReport *a, const RdeReport *b)
{
	return a->has_reseller == b->has_reseller && a->reseller == b->reseller;
}

RdeFiles *
rde_files_create(const RdeHome *home, RdeReport **reports, int count)
{
	RdeFiles   *files = palloc0(sizeof(RdeFiles));
	int			most = 0;

	files->home = home;
	files->reports = reports;
	files->manifests = palloc0(sizeof(RdeManifest) * count);
	files->count = count;
	files->shares = palloc0(sizeof(RdeShare) * count);
	for (int i = 0; i < count; i++)
	{
		RdeShare   *share = &files->shares[files->nshares];

		if (i == 0 || !same_share(reports[i - 1], reports[i]))
		{
			files->nshares += 1;
			share->reseller = reports[i]->reseller;
			share->first = i;
		}
		else
			share--;
		share->count++;
		most = Max(most, share->count);
	}
	for (int i = 1; i < count && files->nshares > 1; i++)
		if (!differ_in_resellers_only(reports[0], reports[i]))
			elog(ERROR, "reports %s and %s cannot be built together",
				 rde_uuid_text(&reports[0]->id),
				 rde_uuid_text(&reports[i]->id));
	files->context = CurrentMemoryContext;
	files->share_context = AllocSetContextCreate(CurrentMemoryContext,
												 "rde files of a share",
												 ALLOCSET_DEFAULT_SIZES);
	files->outputs = palloc0(sizeof(RdeOutput) * most);
	files->ends = rde_ends_create(home);
	files->slice = -1;
	return files;
}

static const char *
to_utf8(const char *text)
{
	size_t		len;

	return text ? rde_text_to_utf8(text, strlen(text), &len) : NULL;
}

/* A context for a report's file, with the memory of the one before it. */
static void
prepare_context(const RdeFiles *files, const RdeReport *report,
				RdeFormatContext *context)
{
	RdeFormatContext before = *context;

	memset(context, 0, sizeof(*context));
	context->buffer.data = before.buffer.data;
	context->deflate = before.deflate;
	context->format = report->format;
	context->options = &report->options;
	context->columns = files->columns;
	context->ncolumns = files->ncolumns;
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
}

static void
chain_to_store(RdeFiles *files, const RdeReport *report, RdeOutput *output)
{
	RdeFormatContext *context = &output->context;

	output->store = rde_sink_store_create(files->ends, &report->id,
										  output->chunk);
	output->digest = rde_sink_digest_create(output->store);
	context->sink = output->digest;
	if (report->compressed)
		context->sink = rde_sink_gzip_create(context->sink, context->deflate,
											 output->block);
	if (report->compressed && files->cuts)
		context->sink = context->cut = rde_sink_cut_create(context->sink,
														   context->deflate,
														   output->held);
}

static void
chain_to_spool(RdeFiles *files, const RdeReport *report, RdeOutput *output)
{
	RdeFormatContext *context = &output->context;

	context->sink = files->spool->sinks[output - files->outputs];
	if (report->compressed)
		context->sink = context->cut = rde_sink_cut_spool(context->sink,
														  context->deflate,
														  output->held);
}

static void
begin_file(RdeFiles *files, const RdeReport *report, RdeOutput *output)
{
	RdeFormatContext *context = &output->context;

	prepare_context(files, report, context);
	MemoryContextSwitchTo(files->context);
	if (output->chunk == NULL && !files->spool)
		output->chunk = rde_chunk_create();
	if (context->deflate == NULL)
		context->deflate = rde_deflate_create();
	if (output->block == NULL && report->compressed)
		output->block = palloc(RDE_BLOCK_SIZE);
	if (output->held == NULL && report->compressed && files->cuts)
		output->held = palloc(RDE_SLICE_ALONE);
	rde_buffer_init(&context->buffer, NULL);
	MemoryContextSwitchTo(files->share_context);

	if (files->spool)
		chain_to_spool(files, report, output);
	else
		chain_to_store(files, report, output);
	rde_buffer_init(&context->buffer, context->sink);
	context->format->start(context);
	if (context->format->head && !files->spool)
		context->format->head(context);
}

static void
begin_share(RdeFiles *files, RdeShare *share)
{
	MemoryContext old = MemoryContextSwitchTo(files->context);

	if (share->ended)
		elog(ERROR, "rows of a reseller came after those of another");
	if (files->has_totals)
		share->totals = rde_totals_create();
	MemoryContextSwitchTo(files->share_context);
	files->open = share;
	files->slice = -1;
	for (int i = 0; i < share->count; i++)
		begin_file(files, files->reports[share->first + i],
				   &files->outputs[i]);
	MemoryContextSwitchTo(old);
}

/* What a file has of the slice that ends. */
static RdeSlice
end_slice_of(RdeFiles *files, RdeFormatContext *context)
{
	RdeSlice	slice = {0};

	if (context->cut == NULL && !files->spool)
		return slice;
	rde_buffer_drain(&context->buffer);
	if (context->cut)
		return rde_cut_end(context->cut);
	slice.content = slice.bytes = context->sink->bytes - context->before_slice;
	return slice;
}

void
rde_files_end_slice(RdeFiles *files)
{
	int			ended = files->slice;

	if (ended < 0)
		return;
	for (int i = 0; i < files->open->count; i++)
	{
		RdeSlice	slice = end_slice_of(files, &files->outputs[i].context);

		if (files->spool)
			files->spool->slices[i * RDE_SLICES + ended] = slice;
	}
	if (files->spool)
		files->spool->rows[ended] = files->open->rows - files->rows_before_slice;
	files->slice = -1;
}

static void
begin_slice(RdeFiles *files, int64 period)
{
	files->slice = rde_cuts_slice(files->cuts, period);
	files->slice_end = files->cuts->begin[files->slice + 1];
	files->rows_before_slice = files->open->rows;
	for (int i = 0; i < files->open->count; i++)
	{
		RdeFormatContext *context = &files->outputs[i].context;

		context->before_slice = context->sink->bytes;
		if (context->cut == NULL)
			continue;
		rde_buffer_drain(&context->buffer);
		rde_cut_begin(context->cut);
	}
}

/*
 * What stands between a row and the one before it, if there was one.  Who spools
 * a slice does not know what comes before it.
 */
static void
separate(RdeFiles *files, bool begins)
{
	for (int i = 0; i < files->open->count; i++)
	{
		RdeFormatContext *context = &files->outputs[i].context;
		const char *between = context->format->between;

		if (between && context->any_row && !(begins && files->spool))
			rde_buffer_append(&context->buffer, between, strlen(between));
		context->any_row = true;
	}
}

static void
end_file(RdeFiles *files, RdeOutput *output, int64 replaced,
		 RdeManifest *manifest)
{
	RdeFormatContext *context = &output->context;

	context->format->end(context);
	rde_buffer_drain(&context->buffer);
	rde_sink_finish(context->sink);
	files->bytes += context->sink->bytes;
	manifest->rows = files->open->rows;
	manifest->content_bytes = context->sink->bytes;
	manifest->file_bytes = output->store->bytes;
	memcpy(manifest->sha256, rde_sink_digest_result(output->digest),
		   PG_SHA256_DIGEST_LENGTH);
	manifest->replaced_characters = context->replaced_characters + replaced;
	manifest->text_numbers = context->text_numbers;
	manifest->totals = files->open->totals;
}

static void
end_share(RdeFiles *files)
{
	MemoryContext old = MemoryContextSwitchTo(files->share_context);
	int64		replaced = rde_columns_replaced(files->columns,
												files->ncolumns);

	rde_files_end_slice(files);
	for (int i = 0; i < files->open->count; i++)
		end_file(files, &files->outputs[i], replaced - files->replaced,
				 &files->manifests[files->open->first + i]);
	files->replaced = replaced;
	files->open->ended = true;
	files->open = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(files->share_context);
}

static int
compare_resellers(const void *a, const void *b)
{
	const RdeShare *x = a;
	const RdeShare *y = b;

	return (x->reseller > y->reseller) - (x->reseller < y->reseller);
}

void
rde_files_turn_to(RdeFiles *files, int64 reseller)
{
	RdeShare	wanted = {.reseller = reseller};
	RdeShare   *share;

	if (files->open && files->open->reseller == reseller)
		return;
	share = bsearch(&wanted, files->shares, files->nshares, sizeof(RdeShare),
					compare_resellers);
	if (share == NULL)
		elog(ERROR, "a row came that is of no reseller asked for");
	if (files->open)
		end_share(files);
	begin_share(files, share);
}

/* Those of the only share are not turned to. */
static RdeShare *
open_share(RdeFiles *files)
{
	if (unlikely(files->open == NULL))
		begin_share(files, files->shares);
	return files->open;
}

void
rde_files_add_facts(RdeFiles *files, const char *currency,
					size_t currency_length, Numeric amount,
					const RdeValue *period)
{
	RdeShare   *share = open_share(files);

	for (int i = 0; i < share->count; i++)
	{
		RdeFormatContext *context = &files->outputs[i].context;

		context->currency = currency;
		context->currency_length = currency_length;
		context->amount = amount;
		context->period = period;
	}
	if (share->totals)
		rde_totals_add(share->totals, currency, currency_length, amount);
}

void
rde_files_add_row(RdeFiles *files, const RdeValue *values, int64 period)
{
	RdeShare   *share = open_share(files);
	bool		begins = files->cuts &&
	(files->slice < 0 || period >= files->slice_end);

	/* what is between two slices is in neither */
	if (begins)
		rde_files_end_slice(files);
	separate(files, begins);
	if (begins)
		begin_slice(files, period);
	for (int i = 0; i < share->count; i++)
	{
		RdeFormatContext *context = &files->outputs[i].context;

		context->format->row(context, values);
	}
	share->rows++;
}

static void
copy_slice(RdeOutput *output, const RdeSlice *slice, RdeSpoolRead read,
		   void *spooled, int report)
{
	RdeFormatContext *context = &output->context;
	RdeSink    *sink = context->sink;
	uint64		left = slice->bytes;
	char	   *piece = palloc(RDE_BLOCK_SIZE);

	rde_buffer_drain(&context->buffer);
	if (slice->alone)
		sink = rde_cut_begin_join(context->cut);
	while (left > 0)
	{
		size_t		len = Min(left, RDE_BLOCK_SIZE);

		CHECK_FOR_INTERRUPTS();
		read(spooled, report, piece, len);
		rde_sink_write(sink, piece, len);
		left -= len;
	}
	if (slice->alone)
		rde_cut_end_join(context->cut, slice);
	pfree(piece);
}

void
rde_files_add_slice(RdeFiles *files, int64 rows, const RdeSlice *slices,
					RdeSpoolRead read, void *spooled)
{
	RdeShare   *share = open_share(files);

	if (rows == 0)
		return;
	separate(files, true);
	for (int i = 0; i < share->count; i++)
		copy_slice(&files->outputs[i], &slices[i * RDE_SLICES], read,
				   spooled, i);
	share->rows += rows;
}

RdeTotals *
rde_files_totals(RdeFiles *files)
{
	return open_share(files)->totals;
}

int64
rde_files_replaced(const RdeFiles *files, int report)
{
	return files->outputs[report].context.replaced_characters +
		rde_columns_replaced(files->columns, files->ncolumns);
}

void
rde_files_add_replaced(RdeFiles *files, int report, int64 replaced)
{
	(void) open_share(files);
	files->outputs[report].context.replaced_characters += replaced;
}

void
rde_files_end(RdeFiles *files)
{
	if (files->open)
		end_share(files);
	for (int i = 0; i < files->nshares; i++)
	{
		if (files->shares[i].ended)
			continue;
		begin_share(files, &files->shares[i]);
		end_share(files);
	}
	rde_ends_insert(files->ends);
}

int64
rde_files_bytes(const RdeFiles *files)
{
	int64		bytes = files->bytes;

	for (int i = 0; files->open && i < files->open->count; i++)
		bytes += files->outputs[i].context.sink->bytes;
	return bytes;
}
