/*
 * export.h
 *	  The build: submitted report rows become stored files.
 */
#ifndef RDE_EXPORT_H
#define RDE_EXPORT_H

#include "report.h"

/*
 * Build submitted reports that ask for the same rows (one data set, view,
 * reseller, period and zone; any formats) in one pass, and publish them: as
 * provisional unless their period ends at or before `horizon`, which
 * rde_settle_horizon() told before this transaction's snapshot.  More rows than
 * max_rows are an error, unless it is -1.  Returns the number of rows.  Raises whatever goes wrong; the caller's (sub)transaction
 * then undoes it all.
 */
extern int64 rde_export_build(const RdeHome *home, const pg_uuid_t *ids,
							  int count, TimestampTz horizon,
							  int64 max_rows);

/*
 * After rde_export_build() raised: was it the source that could not be read, as
 * opposed to what it holds?  Then no other report of its data set can be built.
 */
extern bool rde_export_source_failed(const ErrorData *error);

/*
 * ... or did others' words come up while it was read?  They can hold a value of a
 * row that the filter on the reseller has not removed yet.
 */
extern bool rde_export_foreign_error(const ErrorData *error);

/* ... or does it wait for an administrator to rebaseline its generator? */
extern bool rde_export_blocked(void);

/* Build a report at once, under the caller's snapshot and transaction. */
extern void rde_export_now(const RdeHome *home, const pg_uuid_t *id,
						   int64 max_rows);

/* Record a failure on the report's row and tell it as a warning. */
extern void rde_export_record_failure(const RdeHome *home,
									  const pg_uuid_t *id,
									  const ErrorData *error,
									  const char *kind);

#endif							/* RDE_EXPORT_H */
