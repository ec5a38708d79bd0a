/*
 * tally.h
 *	  Rows and sums per currency, status and day, gathered while rows stream by.
 *
 * A status is a value of the report's first text column whose name is "status"
 * or ends with it, in any case.  A day is the day of the period column in the
 * report's time zone.
 *
 * Invariant: memory does not grow with the rows.  There are at most so many
 * currencies and statuses; rows with others are counted together, without sums
 * for other currencies.  If there are too many days they become months, then
 * years.
 */
#ifndef RDE_TALLY_H
#define RDE_TALLY_H

#include "core/sum.h"
#include "format/format.h"

#define RDE_TALLY_CURRENCIES	60
#define RDE_TALLY_STATUSES		50
#define RDE_TALLY_DAYS			1000

/* The longest status and currency that are told from others, in bytes. */
#define RDE_TALLY_NAME_MAX		200

/* The rows of a currency, a status or a day. */
typedef struct RdeTallyLine
{
	const char *name;			/* UTF-8; empty: rows that have none */
	size_t		name_length;
	DateADT		day;			/* first one of its month or year */
	int64		rows;
	RdeSum	   *sums;			/* per currency, room for all; a currency has
								 * its own alone; NULL: nothing was added */
} RdeTallyLine;

typedef enum RdeTallyUnit
{
	RDE_TALLY_DAY,
	RDE_TALLY_MONTH,
	RDE_TALLY_YEAR
} RdeTallyUnit;

typedef struct RdeTally
{
	int			ncurrencies;
	RdeTallyLine currencies[RDE_TALLY_CURRENCIES];
	int			order[RDE_TALLY_CURRENCIES];	/* that with most rows first */
	int64		other_currencies;	/* rows */

	int			status_column;	/* -1: there is none */
	int			nstatuses;
	RdeTallyLine statuses[RDE_TALLY_STATUSES];
	RdeTallyLine other_statuses;

	RdeTallyUnit unit;
	int			ndays;
	RdeTallyLine days[RDE_TALLY_DAYS];	/* one after the other */
	RdeTallyLine no_day;		/* unknown, infinite, or one too many */

	struct TallyWork *work;		/* tally.c's own */
} RdeTally;

/* For a context's report, in the current memory context. */
extern RdeTally *rde_tally_create(const RdeFormatContext *context);

/* Count a row; scratch memory is allocated in the current memory context. */
extern void rde_tally_add(RdeTally *tally, const RdeFormatContext *context,
						  const RdeValue *values);

/*
 * Of a part of the rows, to be said before the first: nothing is added up, but
 * listed for rde_tally_merge().
 */
extern void rde_tally_list(RdeTally *tally);

/*
 * No more rows come: put the list.  False if it is none, for there are too many
 * currencies or statuses to tell which of them are among the first of all rows, or
 * too many of them a day.
 */
extern bool rde_tally_put(RdeTally *tally, StringInfo to);

/* What was put of the rows that come next; scratch memory as above. */
extern void rde_tally_merge(RdeTally *tally, const char *from);

/*
 * No more rows will come.  Sorts: the currencies' order, and the statuses, by
 * their rows, equal ones by name.
 */
extern void rde_tally_finish(RdeTally *tally);

#endif							/* RDE_TALLY_H */
