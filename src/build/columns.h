/*
 * columns.h
 *	  The columns of a report's view and the conditions of its rows, and what of its
 *	  source is behind each.
 */
#ifndef RDE_COLUMNS_H
#define RDE_COLUMNS_H

#include "build/condition.h"
#include "format/column.h"
#include "report/report.h"

/* Why a report cannot be built, to be raised by who is to blame. */
typedef struct RdeFault
{
	int			code;			/* SQLSTATE */
	const char *message;
	const char *detail;			/* or NULL */
	const char *hint;
} RdeFault;

typedef struct RdeColumns
{
	int			count;
	RdeColumn  *columns;
	int			nconditions;
	RdeCondition *conditions;
	const char *conditions_json;	/* as a manifest shows them */
	RdeFault   *source_fault;	/* NULL: none */
	RdeFault   *view_fault;
} RdeColumns;

/*
 * The report's columns with the source column behind each, into the SELECT's list,
 * its conditions, and what is wrong with them, all as they were at one moment.
 * amount is the source's column of amounts, or NULL.  Everything but the list is
 * allocated in the given context.  Needs an SPI connection.  Raises 42704 for a
 * view that does not exist.
 */
extern RdeColumns *rde_columns_load(const RdeHome *home,
									const RdeReport *report,
									const char *amount, StringInfo sql,
									MemoryContext context);

/* Raise a fault, unless it is NULL. */
extern void rde_fault_raise(const RdeFault *fault);

/*
 * Raise 42703 or 42804 for a view that needs columns which the source does not
 * have, or has of another type, or whose conditions do not fit theirs, before
 * anything is to be made with it.
 */
extern void rde_dataset_check_view(const RdeHome *home, const char *dataset,
								   const char *view, bool has_reseller,
								   int64 reseller);

#endif							/* RDE_COLUMNS_H */
