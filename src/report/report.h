/*
 * report.h
 *	  A report row: submitted, built, finished or failed.
 */
#ifndef RDE_REPORT_H
#define RDE_REPORT_H

#include "common/sha2.h"
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
	bool		own_view;		/* its view is its reseller's, not for all */
	const char *invoice;		/* the rows of an invoice, else NULL and ... */
	TimestampTz period_from;	/* half-open */
	TimestampTz period_to;
	bool		snapshot_window;	/* ... nominal: see window.h */
	pg_uuid_t	generator;		/* of a snapshot window */
	TimestampTz due_at;
	const char *time_zone;
	pg_tz	   *zone;
	RdeOptions	options;
	Jsonb	   *asked;			/* what they were read from */
	bool		compressed;		/* the file is gzipped */
} RdeReport;

/* Has it the rows of its own reseller, and of no other? */
static inline bool
rde_report_has_one_reseller(const RdeReport *report)
{
	return report->has_reseller && !report->all_resellers &&
		ArrayGetNItems(ARR_NDIM(report->resellers),
					   ARR_DIMS(report->resellers)) == 1 &&
		*(int64 *) ARR_DATA_PTR(report->resellers) == report->reseller;
}

/* What a build found out about a report. */
typedef struct RdeManifest
{
	int64		rows;
	int64		content_bytes;	/* before gzip */
	int64		file_bytes;		/* as stored */
	uint8		sha256[PG_SHA256_DIGEST_LENGTH];
	int64		replaced_characters;
	int64		text_numbers;
	const RdeTotals *totals;	/* NULL: the source has no amount column */
} RdeManifest;

/* ... and about all that it built together. */
typedef struct RdeBuilt
{
	bool		provisional;
	double		build_ms;
	const RdeColumn *columns;	/* of the files */
	int			ncolumns;
	const char *conditions;		/* their rows were chosen by, in JSON */
} RdeBuilt;

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

/*
 * Read what locked reports ask for, in the order of their resellers.  Allocates
 * in `context`.  Raises 42704 if one is not there.
 */
extern RdeReport **rde_reports_begin(const RdeHome *home,
									 const pg_uuid_t *ids, int count,
									 MemoryContext context);

/* Publish: status completed, manifest, totals, file name, expiry. */
extern void rde_reports_finish(const RdeHome *home,
							   RdeReport *const *reports,
							   const RdeManifest *manifests, int count,
							   const RdeBuilt *built);

/* Record why a build failed; kind and foreign as for _rde_fail(). */
extern void rde_report_fail(const RdeHome *home, const pg_uuid_t *id,
							const ErrorData *error, const char *kind,
							bool foreign);

#endif							/* RDE_REPORT_H */
