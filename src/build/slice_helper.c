/*
 * slice_helper.c
 *	  A process that takes part in a build: parts of the period, row by row, into
 *	  spools.
 *
 * Invariant: a part is read with the identity, the settings and the snapshot of the
 * process that builds, whoever takes it; what is written of it does not depend on
 * who that is, nor on the other parts.  A part that was begun is ended, or the
 * build fails.
 */
#include "build/slices.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/buffile.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A file of a spool as the last of a chain of sinks. */
typedef struct SpoolSink
{
	RdeSink		sink;
	BufFile    *file;
} SpoolSink;

typedef struct Helper
{
	RdeSlicesShared *shared;
	RdeJob	   *job;
	RdePass    *pass;
	SpoolSink	spools[RDE_SPOOLED_FILES];
	RdeSpool	spool;
	int64		rows_told;		/* of progress */
	int64		bytes_told;
} Helper;

void
rde_slices_spool_name(char *name, int part, int report)
{
	snprintf(name, MAXPGPATH, "part%d.%d", part, report);
}

void
rde_slices_part_name(char *name, int part)
{
	snprintf(name, MAXPGPATH, "part%d", part);
}

static void
spool_write(RdeSink *sink, const char *data, size_t len)
{
	BufFileWrite(((SpoolSink *) sink)->file, unconstify(char *, data), len);
}

static void
spool_finish(RdeSink *sink)
{
}

static const RdeSinkOps spool_ops = {spool_write, spool_finish};

/* What all have written is told by the process that builds. */
static void
progress(RdePass *pass)
{
	Helper	   *helper = pass->helper;
	RdeSlicesShared *shared = helper->shared;
	int64		bytes = rde_files_bytes(pass->files);
	uint64		all_rows = pg_atomic_add_fetch_u64(&shared->rows,
												   pass->rows - helper->rows_told);
	uint64		all_bytes = pg_atomic_add_fetch_u64(&shared->bytes,
													bytes - helper->bytes_told);

	helper->rows_told = pass->rows;
	helper->bytes_told = bytes;
	if (!IsParallelWorker())
		rde_show_progress((int64) all_rows, (int64) all_bytes);
}

static Helper *
create_helper(RdeSlicesShared *shared)
{
	Helper	   *helper = palloc0(sizeof(Helper));
	RdeSpool   *spool = &helper->spool;

	helper->shared = shared;
	helper->job = rde_job_get(shared->job);
	helper->pass = helper->job->pass;
	helper->pass->helper = helper;
	helper->pass->progress = progress;
	spool->sinks = palloc(sizeof(RdeSink *) * shared->nreports);
	for (int i = 0; i < shared->nreports; i++)
	{
		helper->spools[i].sink.ops = &spool_ops;
		spool->sinks[i] = &helper->spools[i].sink;
	}
	helper->pass->files->common.spool = spool;
	return helper;
}

static void
run_plan(const char *plan, const char *sql, DestReceiver *receiver)
{
	QueryDesc  *run = CreateQueryDesc(stringToNode(plan), sql,
									  GetActiveSnapshot(), InvalidSnapshot,
									  receiver, NULL, NULL, 0);

	ExecutorStart(run, 0);
	rde_executor_run(run);
	ExecutorFinish(run);
	ExecutorEnd(run);
	FreeQueryDesc(run);
}

/* Where the part begins, for messages. */
static const char *
beginning(const RdeCuts *cuts, int slice)
{
	Datum		begin = rde_cuts_datum(cuts, slice);
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(cuts->type, &output, &varlena);
	return OidOutputFunctionCall(output, begin);
}

/* How many rows were counted in the slices before one. */
static int64
rows_before(const RdeSlicesShared *shared, int slice)
{
	int64		rows = 0;

	for (int i = 0; i < slice; i++)
		rows += shared->slice_rows[i];
	return rows;
}

static void
check_rows(const RdeSlicesShared *shared, int part, int64 rows)
{
	int64		counted = rows_before(shared, shared->first[part + 1]) -
	rows_before(shared, shared->first[part]);

	if (shared->counted && rows != counted)
		elog(ERROR, "a part of the period has " INT64_FORMAT
			 " rows, but " INT64_FORMAT " when they were counted",
			 rows, counted);
}

/* What is known of the part that was written, and whether it can be one. */
static void
write_part(Helper *helper, int part)
{
	RdeSlicesShared *shared = helper->shared;
	RdeFiles   *files = helper->pass->files;
	StringInfoData bytes;
	char		name[MAXPGPATH];
	BufFile    *file;
	RdePart    *known;

	initStringInfo(&bytes);
	rde_files_end_part(files, &bytes);
	known = rde_part_get(bytes.data);
	check_rows(shared, part, known->rows);
	if (!rde_files_fit(files, &known, 1))
		pg_atomic_write_u32(&shared->unfit, 1);
	rde_slices_part_name(name, part);
	file = BufFileCreateFileSet(&shared->files.fs, name);
	BufFileWrite(file, &bytes.len, sizeof(bytes.len));
	BufFileWrite(file, bytes.data, bytes.len);
	BufFileExportFileSet(file);
	BufFileClose(file);
}

static void
take_part(Helper *helper, int part, DestReceiver *receiver)
{
	RdeSlicesShared *shared = helper->shared;
	RdePass    *pass = helper->pass;
	char		name[MAXPGPATH];

	for (int i = 0; i < shared->nreports; i++)
	{
		rde_slices_spool_name(name, part, i);
		helper->spools[i].file = BufFileCreateFileSet(&shared->files.fs, name);
	}
	helper->spool.rows_before = rows_before(shared, shared->first[part]);
	pass->since = beginning(pass->query->cuts, shared->first[part]);
	pass->rows_before = pass->rows;
	run_plan(helper->job->plans[part], helper->job->sql, receiver);
	write_part(helper, part);
	for (int i = 0; i < shared->nreports; i++)
	{
		BufFileExportFileSet(helper->spools[i].file);
		BufFileClose(helper->spools[i].file);
	}
}

/* The next part, if there is one and it is of use. */
static bool
next_part(RdeSlicesShared *shared, int *part)
{
	*part = (int) pg_atomic_fetch_add_u32(&shared->next_part, 1);
	return *part < shared->nparts && pg_atomic_read_u32(&shared->unfit) == 0;
}

static void
take_parts(Helper *helper)
{
	RdePass    *pass = helper->pass;
	DestReceiver *receiver = rde_receiver_create(pass);
	MemoryContext part_context = AllocSetContextCreate(CurrentMemoryContext,
													   "rde part of a period",
													   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(part_context);
	ErrorContextCallback statement;
	ErrorContextCallback row;
	int			part;

	rde_select_context(&statement, helper->job->sql);
	row.callback = rde_pass_error_context;
	row.arg = pass;
	row.previous = error_context_stack;
	error_context_stack = &row;
	while (next_part(helper->shared, &part))
	{
		take_part(helper, part, receiver);
		MemoryContextReset(part_context);
	}
	error_context_stack = statement.previous;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(part_context);
}

void
rde_slices_take_part(RdeSlicesShared *shared)
{
	take_parts(create_helper(shared));
}

PGDLLEXPORT void rde_slices_worker(dsm_segment *segment, shm_toc *toc);

/* A process of the server's pool begins here. */
void
rde_slices_worker(dsm_segment *segment, shm_toc *toc)
{
	dsm_handle *handle = shm_toc_lookup(toc, RDE_SLICES_KEY, false);
	dsm_segment *shared_segment = dsm_attach(*handle);
	RdeSlicesShared *shared;
	MemoryContext context;

	if (shared_segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map dynamic shared memory segment")));
	shared = dsm_segment_address(shared_segment);
	SharedFileSetAttach(&shared->files, shared_segment);
	debug_query_string = MemoryContextStrdup(TopMemoryContext,
											 shared->job + shared->statement);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	context = AllocSetContextCreate(CurrentMemoryContext, "rde slices",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	rde_slices_take_part(shared);
	dsm_detach(shared_segment);
}
