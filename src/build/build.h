/*
 * build.h
 *	  The build: submitted report rows become stored files.
 */
#ifndef RDE_BUILD_H
#define RDE_BUILD_H

#include "build/failure.h"
#include "report/report.h"

/*
 * Build submitted reports by one SELECT and publish them.  They ask for the same
 * rows in any formats, or differ from each other in their resellers only: see
 * rde_files_create().  They are provisional unless their period ends at or before
 * `horizon`, which rde_settle_horizon() told before this transaction's snapshot.
 * More rows than max_rows are an error, unless it is -1; so are very many for
 * several resellers at once.  Returns the number of rows.  Raises whatever goes
 * wrong; the caller's (sub)transaction then undoes it all.
 */
extern int64 rde_build_reports(const RdeHome *home, const pg_uuid_t *ids,
							   int count, TimestampTz horizon,
							   int64 max_rows);

/* Build a report at once, under the caller's snapshot and transaction. */
extern void rde_build_now(const RdeHome *home, const pg_uuid_t *id,
						  int64 max_rows);

/*
 * Record a failure on the report's row, of a kind as for _rde_fail(), and tell it
 * as a warning.
 */
extern void rde_build_failed(const RdeHome *home, const pg_uuid_t *id,
							 const RdeFailure *failure, const char *kind);

#endif							/* RDE_BUILD_H */
