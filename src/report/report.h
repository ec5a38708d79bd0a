/*
 * report.h
 *	  A report row: submitted, built, finished or failed.
 */
#ifndef RDE_REPORT_H
#define RDE_REPORT_H

#include "format/format.h"
#include "core/rde.h"
#include "report/totals.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* The store of files that lie in _rde_report_chunk and nowhere else. */
#define RDE_STORE_LOCAL	"local"

/* A submitted report as its build needs it. */
typedef struct RdeReport
{
	pg_uuid_t	id;
	const char *name;			/* server encoding, as all strings here */
	const char *dataset;
	const char *view;
	const RdeFormat *format;
	bool		has_reseller;	/* whose it is */
	int64		reseller;
	bool		all_resellers;	/* whose rows it holds, in the types */
	ArrayType  *resellers;		/* of a bigint[] */
	const char *invoice;		/* the rows of an invoice, else NULL and ... */
	TimestampTz period_from;	/* half-open */
	TimestampTz period_to;
	bool		snapshot_window;	/* ... nominal: see window.h */
	pg_uuid_t	generator;		/* of a snapshot window */
	TimestampTz due_at;
	const char *time_zone;
	pg_tz	   *zone;
	RdeOptions	options;
	bool		compressed;		/* the file is gzipped */
} RdeReport;

/* What a build found out. */
typedef struct RdeManifest
{
	bool		provisional;
	double		build_ms;
	int64		rows;
	int64		content_bytes;	/* before gzip */
	int64		file_bytes;		/* as stored */
	const uint8 *sha256;
	int64		replaced_characters;
	int64		text_numbers;
	const RdeTotals *totals;	/* NULL: the source has no amount column */
	const RdeColumn *columns;	/* of the file */
	int			ncolumns;
	const char *conditions;		/* its rows were chosen by, in JSON */
} RdeManifest;

/*
 * Insert the next revision of a completed report; returns its id.  Needs an SPI
 * connection, as all of these.  Raises 42704, or 55000 if the report has its next
 * revision or cannot have one.
 */
extern pg_uuid_t rde_report_submit_revision(const RdeHome *home,
											const pg_uuid_t *id);

/*
 * Lock a submitted report for building by hand.  Raises 42704 if there is none,
 * 55000 if it is not submitted or is a worker's alone to build, 55P03 if
 * another session is building it.
 */
extern void rde_report_lock(const RdeHome *home, const pg_uuid_t *id);

/* Read what a locked report asks for.  Allocates in `context`. */
extern RdeReport *rde_report_begin(const RdeHome *home, const pg_uuid_t *id,
								   MemoryContext context);

/* Publish: status completed, manifest, totals, file name, expiry. */
extern void rde_report_finish(const RdeHome *home, const RdeReport *report,
							  const RdeManifest *manifest);

/* Record why a build failed; kind and foreign as for _rde_fail(). */
extern void rde_report_fail(const RdeHome *home, const pg_uuid_t *id,
							const ErrorData *error, const char *kind,
							bool foreign);

#endif							/* RDE_REPORT_H */
