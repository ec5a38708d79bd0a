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
#include "utils/memutils.h"

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
	files->common.context = CurrentMemoryContext;
	files->share_context = AllocSetContextCreate(CurrentMemoryContext,
												 "rde files of a share",
												 ALLOCSET_DEFAULT_SIZES);
	files->outputs = palloc0(sizeof(RdeOutput) * most);
	files->common.ends = rde_ends_create(home);
	files->slice = -1;
	return files;
}

static void
begin_share(RdeFiles *files, RdeShare *share)
{
	MemoryContext old = MemoryContextSwitchTo(files->common.context);

	if (share->ended)
		elog(ERROR, "rows of a reseller came after those of another");
	/* those of a part are put together with the others' */
	if (files->common.spool)
		MemoryContextSwitchTo(files->share_context);
	share->totals = files->has_totals ? rde_totals_create() : NULL;
	MemoryContextSwitchTo(files->share_context);
	files->open = share;
	files->slice = -1;
	for (int i = 0; i < share->count; i++)
		rde_output_begin(&files->outputs[i], &files->common,
						 files->reports[share->first + i], i);
	MemoryContextSwitchTo(old);
}

static void
end_slice(RdeFiles *files)
{
	if (files->slice < 0)
		return;
	for (int i = 0; i < files->open->count; i++)
		rde_slice_end(&files->outputs[i].context);
	files->slice = -1;
}

static void
begin_slice(RdeFiles *files, int64 period)
{
	files->slice = rde_cuts_slice(files->cuts, period);
	files->slice_end = files->cuts->begin[files->slice + 1];
	for (int i = 0; i < files->open->count; i++)
		rde_slice_begin(&files->outputs[i].context);
}

/* What stands between a row and the one before it, if there was one. */
static void
separate(RdeFiles *files)
{
	for (int i = 0; i < files->open->count; i++)
	{
		RdeFormatContext *context = &files->outputs[i].context;
		const char *between = context->format->between;

		if (between && context->any_row)
			rde_buffer_append(&context->buffer, between, strlen(between));
		context->any_row = true;
	}
}

/* Characters that were replaced in the columns' values since this was asked. */
static int64
take_replaced(RdeFiles *files)
{
	int64		before = files->replaced;

	files->replaced = rde_columns_replaced(files->common.columns, files->common.ncolumns);
	return files->replaced - before;
}

static void
end_share(RdeFiles *files)
{
	MemoryContext old = MemoryContextSwitchTo(files->share_context);
	int64		replaced = take_replaced(files);

	end_slice(files);
	for (int i = 0; i < files->open->count; i++)
	{
		RdeManifest *manifest = &files->manifests[files->open->first + i];

		rde_output_end(&files->outputs[i], replaced, manifest);
		manifest->rows = files->open->rows;
		manifest->totals = files->open->totals;
		files->bytes += files->outputs[i].context.sink->bytes;
	}
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
		end_slice(files);
	separate(files);
	if (begins)
		begin_slice(files, period);
	for (int i = 0; i < share->count; i++)
	{
		RdeFormatContext *context = &files->outputs[i].context;

		context->format->row(context, values);
	}
	share->rows++;
}

void
rde_files_end_part(RdeFiles *files, StringInfo to)
{
	MemoryContext old = MemoryContextSwitchTo(files->share_context);
	RdeShare   *share = files->shares;
	RdePart		part = {.rows = share->rows,.nfiles = share->count};
	int64		replaced = take_replaced(files);

	if (files->open)
		end_slice(files);
	for (int i = 0; files->open && i < share->count; i++)
	{
		RdeOutput  *output = &files->outputs[i];

		rde_output_end_part(output, replaced, &part.files[i]);
		files->bytes += output->context.sink->bytes;
	}
	part.totals = share->totals;
	rde_part_put(to, &part);
	share->rows = 0;
	share->totals = NULL;
	files->open = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextReset(files->share_context);
}

bool
rde_files_fit(const RdeFiles *files, RdePart *const *parts, int nparts)
{
	for (int i = 0; i < files->count; i++)
	{
		const RdePartOps *ops = files->reports[i]->format->parts;
		const char **own = palloc(sizeof(char *) * nparts);
		int			count = 0;

		for (int part = 0; part < nparts; part++)
			if (parts[part]->rows > 0)
				own[count++] = parts[part]->files[i].own;
		if (ops && !ops->fit(own, count))
			return false;
		pfree(own);
	}
	return true;
}

void
rde_files_add_part(RdeFiles *files, const RdePart *part, RdeSpoolRead read,
				   void *spooled)
{
	RdeShare   *share = open_share(files);
	MemoryContext old = MemoryContextSwitchTo(files->share_context);

	separate(files);
	for (int i = 0; i < share->count; i++)
		rde_output_add_part(&files->outputs[i], &part->files[i], i, read,
							spooled);
	share->rows += part->rows;
	for (int i = 0; part->totals && i < part->totals->count; i++)
	{
		RdeTotal   *total = &part->totals->entries[i];

		rde_totals_merge(share->totals, total->currency, total->currency_len,
						 total->rows, rde_sum_value(&total->amount));
	}
	MemoryContextSwitchTo(old);
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
	rde_ends_insert(files->common.ends);
}

int64
rde_files_bytes(const RdeFiles *files)
{
	int64		bytes = files->bytes;

	for (int i = 0; files->open && i < files->open->count; i++)
		bytes += files->outputs[i].context.sink->bytes;
	return bytes;
}
