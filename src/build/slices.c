/*
 * slices.c
 *	  One large report, built by several processes: who builds, and puts together.
 *
 * Invariant: a file has the same bytes as if one process had written it, in the same
 * order.  Nothing is written to a table while others help, for the server allows it
 * to nobody then; spools are temporary files, which an error takes away.
 */
#include "build/slices.h"

#include "build/failure.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/buffile.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* What has been spooled, while it is put together. */
typedef struct Spooled
{
	RdeSlicesShared *shared;
	BufFile    *files[RDE_SLICED_FILES];	/* of the part at hand */
} Spooled;

static void
read_exactly(BufFile *file, void *data, size_t len)
{
	if (BufFileRead(file, data, len) != len)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read a temporary file of a report: it ends early")));
}

static void
read_spool(void *spooled, int report, char *data, size_t len)
{
	read_exactly(((Spooled *) spooled)->files[report], data, len);
}

static void
open_part(Spooled *spooled, int part)
{
	char		name[MAXPGPATH];

	for (int i = 0; i < spooled->shared->nreports; i++)
	{
		rde_slices_spool_name(name, part, i);
		spooled->files[i] = BufFileOpenFileSet(&spooled->shared->files.fs,
											   name, O_RDONLY, false);
	}
}

/* What was put together needs no room any more. */
static void
drop_part(Spooled *spooled, int part)
{
	char		name[MAXPGPATH];

	for (int i = 0; i < spooled->shared->nreports; i++)
	{
		BufFileClose(spooled->files[i]);
		rde_slices_spool_name(name, part, i);
		BufFileDeleteFileSet(&spooled->shared->files.fs, name, false);
	}
}

static void
join_part(Spooled *spooled, int part, RdeFiles *files)
{
	RdeSlicesShared *shared = spooled->shared;

	open_part(spooled, part);
	for (int slice = shared->first[part]; slice < shared->first[part + 1];
		 slice++)
		rde_files_add_slice(files, shared->slice_rows[slice],
							&shared->slices[slice], read_spool, spooled);
	drop_part(spooled, part);
}

static void
add_totals(Spooled *spooled, int number, RdeFiles *files)
{
	RdeTotals  *totals = rde_files_totals(files);
	char		name[MAXPGPATH];
	BufFile    *file;
	int			count;

	if (totals == NULL)
		return;
	rde_slices_totals_name(name, number);
	file = BufFileOpenFileSet(&spooled->shared->files.fs, name, O_RDONLY,
							  false);
	read_exactly(file, &count, sizeof(count));
	for (int i = 0; i < count; i++)
	{
		size_t		length;
		char	   *currency;
		int64		rows;
		Size		size;
		Numeric		amount;

		read_exactly(file, &length, sizeof(length));
		currency = palloc(length + 1);
		read_exactly(file, currency, length);
		read_exactly(file, &rows, sizeof(rows));
		read_exactly(file, &size, sizeof(size));
		amount = size > 0 ? palloc(size) : NULL;
		if (amount)
			read_exactly(file, amount, size);
		rde_totals_merge(totals, currency, length, rows, amount);
	}
	BufFileClose(file);
}

/* All is spooled: the files, and what their manifests say of them. */
static void
join(RdeSlicesShared *shared, RdePass *pass)
{
	Spooled		spooled = {.shared = shared};

	for (int slice = 0; slice < RDE_SLICES; slice++)
		pass->rows += shared->slice_rows[slice];
	for (int part = 0; part < shared->nparts; part++)
		join_part(&spooled, part, pass->files);
	for (int number = 0; number < RDE_MAX_PARTICIPANTS; number++)
	{
		if (!shared->took_part[number])
			continue;
		add_totals(&spooled, number, pass->files);
		for (int i = 0; i < shared->nreports; i++)
			rde_files_add_replaced(pass->files, i,
								   shared->replaced[number][i]);
	}
}

static dsm_segment *
create_shared(const RdeSlices *slices, RdePass *pass, const char *time_zone)
{
	RdeJob		job = {
		.sql = slices->query->sql,.time_zone = time_zone,.pass = pass,
		.plans = slices->plans
	};
	StringInfoData bytes;
	const char *statement = debug_query_string ? debug_query_string : "";
	dsm_segment *segment;
	RdeSlicesShared *shared;
	Size		size;

	initStringInfo(&bytes);
	rde_job_put(&bytes, &job, slices->nparts);
	size = offsetof(RdeSlicesShared, job) + bytes.len + strlen(statement) + 1;
	segment = dsm_create(size, 0);
	shared = dsm_segment_address(segment);
	memset(shared, 0, offsetof(RdeSlicesShared, job));
	SharedFileSetInit(&shared->files, segment);
	pg_atomic_init_u32(&shared->next_part, 0);
	pg_atomic_init_u64(&shared->rows, 0);
	pg_atomic_init_u64(&shared->bytes, 0);
	shared->nparts = slices->nparts;
	memcpy(shared->first, slices->first, sizeof(shared->first));
	shared->nreports = pass->files->count;
	shared->statement = bytes.len;
	memcpy(shared->job, bytes.data, bytes.len);
	memcpy(shared->job + bytes.len, statement, strlen(statement) + 1);
	pfree(bytes.data);
	return segment;
}

/* Let others help, and take parts, too.  False if nobody came. */
static bool
read_parts(dsm_segment *segment, int nhelpers)
{
	ParallelContext *parallel;
	bool		came;

	EnterParallelMode();
	parallel = CreateParallelContext("rde", "rde_slices_worker", nhelpers);
	shm_toc_estimate_chunk(&parallel->estimator, sizeof(dsm_handle));
	shm_toc_estimate_keys(&parallel->estimator, 1);
	InitializeParallelDSM(parallel);
	if (parallel->nworkers > 0)
	{
		dsm_handle *handle = shm_toc_allocate(parallel->toc,
											  sizeof(dsm_handle));

		*handle = dsm_segment_handle(segment);
		shm_toc_insert(parallel->toc, RDE_SLICES_KEY, handle);
		LaunchParallelWorkers(parallel);
	}
	came = parallel->nworkers_launched > 0;
	if (came)
	{
		rde_slices_take_part(dsm_segment_address(segment), 0);
		WaitForParallelWorkersToFinish(parallel);
	}
	DestroyParallelContext(parallel);
	ExitParallelMode();
	return came;
}

bool
rde_slices_run(RdeSlices *slices, RdePass *pass, const char *time_zone)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "rde slices",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RdeIdentity saved;
	dsm_segment *segment;
	bool		came;

	rde_identity_enter_source(slices->query->owner, time_zone, &saved);
	segment = create_shared(slices, pass, time_zone);
	came = read_parts(segment, slices->nhelpers);
	rde_identity_leave(&saved);
	MemoryContextReset(context);
	if (came)
	{
		rde_failure_phase(RDE_PHASE_OTHER);
		for (int i = 0; i < slices->query->ncolumns; i++)
			rde_column_prepare(&slices->query->columns[i], slices->types[i]);
		join(dsm_segment_address(segment), pass);
	}
	MemoryContextSwitchTo(old);
	dsm_detach(segment);
	MemoryContextDelete(context);
	return came;
}
