/*
 * job.h
 *	  One job: a report is uploaded, a blob moved or deleted.
 */
#ifndef JOB_H
#define JOB_H

#include "blob.h"
#include "outbox.h"

/*
 * Give the job's blob its name, or its new one; false if it has them already.
 * The names are to be remembered before the job is done.
 */
extern bool azure_job_name(const AzureServer *server, AzureJob *job);

/*
 * Do a job and record what became of it, a commit after each request and step.
 * Other outcomes than AZURE_DONE have been recorded with client->error.
 */
extern AzureOutcome azure_job_do(const RdeHome *home, AzureClient *client,
								 AzureJob *job);

/* Record that a job could not be done. */
extern void azure_job_failed(const RdeHome *home, const AzureJob *job,
							 AzureOutcome outcome, const char *error,
							 int retry_after);

#endif							/* JOB_H */
