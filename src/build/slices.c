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
#include "storage/buffile.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

/* What has been spooled, while it is put together. */
typedef struct Spooled
{
	RdeSlicesShared *shared;
	BufFile    *files[RDE_SPOOLED_FILES];	/* of the part at hand */
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
open_spools(Spooled *spooled, int part)
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
drop_spools(Spooled *spooled, int part)
{
	char		name[MAXPGPATH];

	for (int i = 0; i < spooled->shared->nreports; i++)
	{
		BufFileClose(spooled->files[i]);
		rde_slices_spool_name(name, part, i);
		BufFileDeleteFileSet(&spooled->shared->files.fs, name, false);
	}
}

/* What is known of a part. */
static RdePart *
read_part(RdeSlicesShared *shared, int part)
{
	char		name[MAXPGPATH];
	BufFile    *file;
	int			len;
	char	   *bytes;

	rde_slices_part_name(name, part);
	file = BufFileOpenFileSet(&shared->files.fs, name, O_RDONLY, false);
	read_exactly(file, &len, sizeof(len));
	bytes = palloc(len);
	read_exactly(file, bytes, len);
	BufFileClose(file);
	return rde_part_get(bytes);
}

/* All is spooled: the files.  False if they would have other bytes than theirs. */
static bool
join(RdeSlicesShared *shared, RdePass *pass)
{
	Spooled		spooled = {.shared = shared};
	RdePart    *parts[RDE_SLICES];

	if (pg_atomic_read_u32(&shared->unfit) != 0)
		return false;
	for (int i = 0; i < shared->nparts; i++)
		parts[i] = read_part(shared, i);
	if (!rde_files_fit(pass->files, parts, shared->nparts))
		return false;
	for (int i = 0; i < shared->nparts; i++)
	{
		if (parts[i]->rows == 0)
			continue;
		open_spools(&spooled, i);
		rde_files_add_part(pass->files, parts[i], read_spool, &spooled);
		drop_spools(&spooled, i);
		pass->rows += parts[i]->rows;
	}
	return true;
}

static dsm_segment *
create_shared(const RdeSlices *slices, RdePass *pass, const char *time_zone)
{
	RdeJob		job = {
		.sql = slices->query->sql,.time_zone = time_zone,.pass = pass,
		.nparts = slices->nparts,.plans = slices->plans
	};
	StringInfoData bytes;
	const char *statement = debug_query_string ? debug_query_string : "";
	dsm_segment *segment;
	RdeSlicesShared *shared;
	Size		size;

	initStringInfo(&bytes);
	rde_job_put(&bytes, &job);
	size = offsetof(RdeSlicesShared, job) + bytes.len + strlen(statement) + 1;
	segment = dsm_create(size, 0);
	shared = dsm_segment_address(segment);
	memset(shared, 0, offsetof(RdeSlicesShared, job));
	SharedFileSetInit(&shared->files, segment);
	pg_atomic_init_u32(&shared->next_part, 0);
	pg_atomic_init_u32(&shared->unfit, 0);
	pg_atomic_init_u64(&shared->rows, 0);
	pg_atomic_init_u64(&shared->bytes, 0);
	shared->nparts = slices->nparts;
	memcpy(shared->first, slices->first, sizeof(shared->first));
	shared->nreports = pass->files->count;
	shared->counted = slices->count != NULL;
	shared->statement = bytes.len;
	memcpy(shared->job, bytes.data, bytes.len);
	memcpy(shared->job + bytes.len, statement, strlen(statement) + 1);
	pfree(bytes.data);
	return segment;
}

/* Rows that the first part of a file has to have, if there are others. */
static int64
first_rows(const RdeFiles *files)
{
	int64		rows = 0;

	for (int i = 0; i < files->count; i++)
	{
		const RdePartOps *ops = files->reports[i]->format->parts;

		rows = ops ? Max(rows, ops->first_rows) : rows;
	}
	return rows;
}

/*
 * Count the rows of slices.  False if the parts would not fit together, as far as
 * that is known by then.
 */
static bool
count_rows(const RdeSlices *slices, RdeSlicesShared *shared,
		   const RdeFiles *files)
{
	int64		first = 0;
	int64		all = 0;

	rde_slices_count(slices->count, shared->slice_rows);
	for (int part = 0; part < shared->nparts; part++)
	{
		for (int i = shared->first[part]; i < shared->first[part + 1]; i++)
			all += shared->slice_rows[i];
		first = first > 0 ? first : all;
	}
	return first == all || first >= first_rows(files);
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
		rde_slices_take_part(dsm_segment_address(segment));
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
	bool		done;

	rde_failure_phase(RDE_PHASE_ROWS);
	rde_identity_enter_source(slices->query->owner, time_zone, &saved);
	segment = create_shared(slices, pass, time_zone);
	done = (slices->count == NULL ||
			count_rows(slices, dsm_segment_address(segment), pass->files)) &&
		read_parts(segment, slices->nhelpers);
	rde_identity_leave(&saved);
	MemoryContextReset(context);
	if (done)
	{
		rde_failure_phase(RDE_PHASE_OTHER);
		for (int i = 0; i < slices->query->ncolumns; i++)
			rde_column_prepare(&slices->query->columns[i], slices->types[i]);
		done = join(dsm_segment_address(segment), pass);
		if (!done)
			elog(DEBUG1, "parts of a report do not fit together, one process builds it");
	}
	MemoryContextSwitchTo(old);
	dsm_detach(segment);
	MemoryContextDelete(context);
	return done;
}
