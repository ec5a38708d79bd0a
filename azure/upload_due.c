/*
 * upload_due.c
 *	  rde_azure_upload_due: what the outbox holds is done, a commit after each.
 *
 * Invariant: no transaction is open while the network is waited for but one
 * that has done nothing; so uploads hold up neither vacuum nor reports.
 */
#include "core/row.h"
#include "core/step.h"

#include "catalog/pg_type.h"
#include "job.h"
#include "miscadmin.h"
#include "options.h"
#include "outbox.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "rde_azure");
#else
PG_MODULE_MAGIC;
#endif

/* After so many jobs in a row that failed the others have to wait, too. */
#define MAX_FAILURES	3

typedef struct Run
{
	const RdeHome *home;
	MemoryContext context;		/* of one job */
	AzureClient client;
	int			done[3];		/* by kind */
	int			failed;
	int			failed_in_a_row;
	bool		refused;		/* as every other job would be */
} Run;

static const RdeStatement find_servers = {
	.sql = "SELECT s.oid FROM pg_catalog.pg_foreign_server s"
	" JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw"
	" WHERE w.fdwname = 'rde_azure' ORDER BY s.srvname",
	.expected = SPI_OK_SELECT
};

/* The server that takes new reports; NULL if none does. */
static const AzureServer *
upload_server(const RdeHome *home)
{
	const AzureServer *found = NULL;
	SPITupleTable *rows;
	uint64		count;

	rde_execute(home, &find_servers, NULL, NULL);
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		RdeRow		row = {rows->vals[i], rows->tupdesc};
		const AzureServer *server = azure_server_get(rde_row_oid(row, 1));

		if (!server->upload)
			continue;
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("servers \"%s\" and \"%s\" both take new reports",
							found->name, server->name),
					 errhint("ALTER SERVER %s OPTIONS (ADD upload 'false'); keeps what it has, and its links.",
							 quote_identifier(found->name))));
		found = server;
	}
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no server of rde_azure to upload reports to"),
				 errhint("CREATE SERVER reports FOREIGN DATA WRAPPER rde_azure OPTIONS (account '...', container '...');"
						 " CREATE USER MAPPING FOR CURRENT_USER SERVER reports OPTIONS (account_key '...');")));
	return found;
}

/* May this be called, and by whom?  Then new reports are queued. */
static void
begin(const Run *run)
{
	const AzureServer *server;

	rde_step_begin();
	azure_outbox_check_caller(run->home);
	server = upload_server(run->home);
	azure_outbox_check_cluster(run->home);
	if (server)
		azure_outbox_fill(run->home, server->name);
	rde_step_end();
}

/* The server of a job, or why it cannot be done. */
static const AzureServer *
job_server(const AzureJob *job, const char **error)
{
	const AzureServer *server = azure_server_find(job->server);

	if (server == NULL)
		*error = psprintf("server \"%s\" does not exist", job->server);
	else if (server->key == NULL)
		*error = psprintf("the owner of server \"%s\" has no user mapping with an account_key",
						  job->server);
	else
		return server;
	return NULL;
}

/* Claim the next job, with its names.  NULL if there is nothing to do. */
static AzureJob *
next_job(Run *run, const char **error)
{
	AzureJob   *job;

	rde_step_begin();
	job = azure_outbox_claim(run->home, run->context);
	if (job)
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);

		run->client.server = job_server(job, error);
		if (run->client.server && azure_job_name(run->client.server, job))
			azure_outbox_name(run->home, job);
		MemoryContextSwitchTo(old);
	}
	rde_step_end();
	return job;
}

static void
warn(const AzureJob *job, const char *error)
{
	static const char *const what[] = {
		[AZURE_UPLOAD] = "uploaded",
		[AZURE_MOVE] = "given its new name",
		[AZURE_DELETE] = "deleted"
	};

	ereport(WARNING,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("report %s could not be %s: %s",
					rde_uuid_text(&job->id), what[job->kind], error)));
}

/* False if there is nothing to do. */
static bool
do_next(Run *run)
{
	const char *error = NULL;
	MemoryContext old;
	AzureOutcome outcome = AZURE_WRONG;
	AzureJob   *job;

	MemoryContextReset(run->context);
	job = next_job(run, &error);
	if (job == NULL)
		return false;
	old = MemoryContextSwitchTo(run->context);
	if (run->client.server == NULL)
		azure_job_failed(run->home, job, outcome, error, SECS_PER_MINUTE);
	else
	{
		outcome = azure_job_do(run->home, &run->client, job);
		error = run->client.error;
	}
	if (outcome == AZURE_DONE)
	{
		run->done[job->kind]++;
		run->failed_in_a_row = 0;
	}
	else
	{
		warn(job, error);
		run->failed++;
		run->failed_in_a_row++;
		run->refused = outcome == AZURE_REFUSED;
	}
	MemoryContextSwitchTo(old);
	return true;
}

PG_FUNCTION_INFO_V1(rde_azure_upload_due);

/*
 * CALL rde_azure_upload_due(max_uploads int).  Raises 2D000 where it cannot
 * commit, 25006 on a standby, 42501 for whoever is no operator, 55000 without a
 * server or in a restored copy, and what cancels it; what a job fails with is
 * recorded in its row and a warning.
 */
Datum
rde_azure_upload_due(PG_FUNCTION_ARGS)
{
	int			max = PG_ARGISNULL(0) ? INT_MAX : PG_GETARG_INT32(0);
	Run			run = {0};

	rde_step_check(fcinfo, "rde_azure_upload_due", "reports cannot be uploaded");
	if (max < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_uploads must be at least 1")));
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run.home = rde_home(fcinfo);
	run.context = AllocSetContextCreate(CurrentMemoryContext, "rde_azure job",
										ALLOCSET_DEFAULT_SIZES);
	run.client.request = AllocSetContextCreate(CurrentMemoryContext,
											   "rde_azure request",
											   ALLOCSET_DEFAULT_SIZES);
	/* what the caller's transaction began with is not what a step begins with */
	rde_commit();
	begin(&run);
	run.client.http = azure_http_create();
	for (int n = 0; n < max && !run.refused &&
		 run.failed_in_a_row < MAX_FAILURES && do_next(&run); n++)
		CHECK_FOR_INTERRUPTS();
	ereport(NOTICE,
			(errmsg("%d uploaded, %d moved, %d deleted, %d failed",
					run.done[AZURE_UPLOAD], run.done[AZURE_MOVE],
					run.done[AZURE_DELETE], run.failed)));
	SPI_finish();
	PG_RETURN_VOID();
}
