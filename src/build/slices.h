/*
 * slices.h
 *	  One large report, built by several processes.
 *
 * The period is read in parts, each of some slices, by as many SELECTs under one
 * snapshot.  Processes of the server's own pool help: each takes a part, writes its
 * rows as the formats do, compresses them and spools them.  The process that builds
 * takes parts, too, and puts the files together afterwards.
 */
#ifndef RDE_SLICES_H
#define RDE_SLICES_H

#include "build/receiver.h"
#include "build/select.h"
#include "port/atomics.h"
#include "storage/sharedfileset.h"

/* Formats that one pass may write, to be built in slices. */
#define RDE_SLICED_FILES	8

/* Processes that may take part: each has a slice at least. */
#define RDE_MAX_PARTICIPANTS	RDE_SLICES

/* How a report is built in slices: made by rde_slices_plan(). */
typedef struct RdeSlices
{
	RdeQuery   *query;
	int			nhelpers;		/* wanted */
	int			nparts;
	int			first[RDE_SLICES + 1];	/* slice of each part, and the end */
	const char *plans[RDE_SLICES];	/* of each part, as nodeToString() has it */
	Oid		   *types;			/* of the columns, as the SELECT returns them */
} RdeSlices;

/* What the processes share. */
typedef struct RdeSlicesShared
{
	SharedFileSet files;		/* spools */
	pg_atomic_uint32 next_part;
	pg_atomic_uint64 rows;		/* written so far */
	pg_atomic_uint64 bytes;		/* of content */
	int			nparts;
	int			first[RDE_SLICES + 1];
	int			nreports;

	/* what they found out */
	int64		slice_rows[RDE_SLICES];
	RdeSlice	slices[RDE_SLICED_FILES * RDE_SLICES];
	bool		took_part[RDE_MAX_PARTICIPANTS];
	int64		replaced[RDE_MAX_PARTICIPANTS][RDE_SLICED_FILES];

	Size		statement;		/* of the client, behind the job; for the
								 * server's views */
	char		job[FLEXIBLE_ARRAY_MEMBER];
} RdeSlicesShared;

/*
 * Plan a report's SELECT in parts, as the source's owner: what they read is locked
 * afterwards.  NULL if it is to be built by one process: it is small, or the server
 * would not let several read it, or it would cost much more in parts.
 */
extern RdeSlices *rde_slices_plan(const RdeSelect *select,
								  const RdeFiles *files,
								  const char *time_zone);

/*
 * Read all rows under the active snapshot, as rde_select_run() would, into the
 * files of a pass that may have any number of them.  False if no process could be had that helps; nothing was done then.
 */
extern bool rde_slices_run(RdeSlices *slices, RdePass *pass,
						   const char *time_zone);

/* What a helper does: take parts until there are none. */
extern void rde_slices_take_part(RdeSlicesShared *shared, int number);

/* Where a helper finds the shared memory. */
#define RDE_SLICES_KEY	UINT64CONST(0x7264652e736c6963)

/* Names of spools. */
extern void rde_slices_spool_name(char *name, int part, int report);
extern void rde_slices_totals_name(char *name, int number);

/* What a helper has to know, and how it is put and got. */
typedef struct RdeJob
{
	const char *sql;
	const char *time_zone;
	RdePass    *pass;			/* with query and files */
	const char *const *plans;
} RdeJob;

extern void rde_job_put(StringInfo to, const RdeJob *job, int nparts);
extern RdeJob *rde_job_get(const char *from, int nparts);

#endif							/* RDE_SLICES_H */
