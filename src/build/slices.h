/*
 * slices.h
 *	  One large report, built by several processes.
 *
 * The period is read in parts, each of some slices, by as many SELECTs under one
 * snapshot.  Processes of the server's own pool help: each takes a part, writes its
 * rows as the formats do, compresses them and spools them.  The process that builds
 * takes parts, too, and puts the files together afterwards.  Where a format numbers
 * its rows, those of each slice are counted first.
 */
#ifndef RDE_SLICES_H
#define RDE_SLICES_H

#include "build/receiver.h"
#include "build/select.h"
#include "port/atomics.h"
#include "storage/sharedfileset.h"

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
	RdeSelect  *count;			/* of the rows in each slice, or NULL */
	Oid		   *types;			/* of the columns, as the SELECT returns them */
} RdeSlices;

/* What the processes share. */
typedef struct RdeSlicesShared
{
	SharedFileSet files;		/* spools */
	pg_atomic_uint32 next_part;
	pg_atomic_uint32 unfit;		/* not 0: one process has to write it all */
	pg_atomic_uint64 rows;		/* written so far */
	pg_atomic_uint64 bytes;		/* of content */
	int			nparts;
	int			first[RDE_SLICES + 1];
	int			nreports;
	bool		counted;		/* the rows of each slice were */
	int64		slice_rows[RDE_SLICES];

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
 * files of a pass that may have any number of them.  False if no process could be
 * had that helps, or if the files would have other bytes than by one process;
 * nothing was done to them then.
 */
extern bool rde_slices_run(RdeSlices *slices, RdePass *pass,
						   const char *time_zone);

/*
 * What counts the rows of each slice, by so many helpers of the server's own at
 * most; under the source's identity.  And their numbers, under the active snapshot.
 */
extern RdeSelect *rde_slices_plan_count(const RdeQuery *query, int nhelpers);
extern void rde_slices_count(RdeSelect *count, int64 *slice_rows);

/* What a helper does: take parts until there are none. */
extern void rde_slices_take_part(RdeSlicesShared *shared);

/* Where a helper finds the shared memory. */
#define RDE_SLICES_KEY	UINT64CONST(0x7264652e736c6963)

/* Names of a part's spools, and of what else is known of it. */
extern void rde_slices_spool_name(char *name, int part, int report);
extern void rde_slices_part_name(char *name, int part);

/* What a helper has to know, and how it is put and got. */
typedef struct RdeJob
{
	const char *sql;
	const char *time_zone;
	RdePass    *pass;			/* with query and files */
	int			nparts;
	const char *const *plans;
} RdeJob;

extern void rde_job_put(StringInfo to, const RdeJob *job);
extern RdeJob *rde_job_get(const char *from);

#endif							/* RDE_SLICES_H */
