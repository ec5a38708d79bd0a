/*
 * files.h
 *	  The files of a build, one reseller's after another's.
 */
#ifndef RDE_FILES_H
#define RDE_FILES_H

#include "build/cuts.h"
#include "build/output.h"

/* The files that the same rows go into. */
typedef struct RdeShare
{
	int64		reseller;		/* whose rows, if there are several shares */
	int			first;			/* its reports among those of the build */
	int			count;
	bool		ended;
	int64		rows;
	RdeTotals  *totals;			/* NULL: nothing to add up */
} RdeShare;

typedef struct RdeFiles
{
	const RdeHome *home;
	RdeReport **reports;		/* those of a share side by side */
	RdeManifest *manifests;		/* one for each */
	int			count;
	RdeShare   *shares;			/* in the order of their resellers */
	int			nshares;

	/* of all files, known when the SELECT is */
	RdeCommon	common;
	bool		has_totals;
	const RdeCuts *cuts;		/* or NULL */

	/* its own */
	MemoryContext share_context;	/* of the share whose files are open */
	RdeShare   *open;			/* or NULL */
	RdeOutput  *outputs;		/* its files; their memory serves the next */
	int			slice;			/* of the period, being written; -1: none */
	int64		slice_end;		/* as the cuts count */
	int64		bytes;			/* of the shares that have ended */
	int64		replaced;		/* in the columns' values, likewise */
} RdeFiles;

/*
 * The files of reports that one SELECT is for, as rde_reports_begin() returns them.
 * With several shares each report has the rows of one reseller in a view for all,
 * and they do not differ in anything else that the SELECT depends on: raises XX000
 * for others.  Lies in the current context.
 */
extern RdeFiles *rde_files_create(const RdeHome *home, RdeReport **reports,
								  int count);

/* What rows go into: with several shares, to be said before each of them. */
extern void rde_files_turn_to(RdeFiles *files, int64 reseller);

/*
 * A row, and before it what it is about: as for rde_totals_add(), and the value of
 * the period column, which stays until the row is added.  With the row the period
 * is as the cuts count, if there are any.
 */
extern void rde_files_add_facts(RdeFiles *files, const char *currency,
								size_t currency_length, Numeric amount,
								const RdeValue *period);
extern void rde_files_add_row(RdeFiles *files, const RdeValue *values,
							  int64 period);

/*
 * Of the only share: the part that was spooled has no more rows.  What is known of
 * it is put as rde_part_put() does; the next part begins.
 */
extern void rde_files_end_part(RdeFiles *files, StringInfo to);

/* May parts be put together, as RdePartOps has it? */
extern bool rde_files_fit(const RdeFiles *files, RdePart *const *parts,
						  int nparts);

/* Of the only share: rows as they were spooled, behind those before. */
extern void rde_files_add_part(RdeFiles *files, const RdePart *part,
							   RdeSpoolRead read, void *spooled);

/* No more rows come.  Everybody has his files now, and all is stored. */
extern void rde_files_end(RdeFiles *files);

/* Bytes written so far, before compression. */
extern int64 rde_files_bytes(const RdeFiles *files);

#endif							/* RDE_FILES_H */
