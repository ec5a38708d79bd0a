/*
 * statement.h
 *	  rde's own statements: what they are, and running them.
 *
 * A statement is data, beside the function that runs it:
 *
 *	  static const RdeStatement find_it = {
 *		  .sql = "SELECT id FROM %s._rde_report WHERE name = $1",
 *		  .types = {TEXTOID},
 *		  .sight = RDE_SEES_CALLERS,
 *		  .expected = SPI_OK_SELECT
 *	  };
 *
 * The test source_statements finds them in the sources and prepares each of them.
 */
#ifndef RDE_STATEMENT_H
#define RDE_STATEMENT_H

#include "core/rde.h"
#include "executor/spi.h"
#include "utils/uuid.h"

#define RDE_MAX_ARGUMENTS	16

/* Which rows a statement sees. */
typedef enum RdeSight
{
	RDE_SEES_NEW,				/* those of a new snapshot of the
								 * transaction's; it may write */
	RDE_SEES_CALLERS,			/* those the caller's snapshot does, and what
								 * its statement has written so far */
	RDE_SEES_LATEST				/* those that are committed now, however old
								 * the transaction's snapshot is */
} RdeSight;

typedef struct RdeStatement
{
	const char *sql;			/* "%s" stands for the extension's schema */
	RdeSight	sight;
	int			expected;		/* SPI_OK_SELECT ... */
	bool		planned_once;	/* its plan does not depend on the values, but
								 * would be made for them each time if the
								 * planner were asked */
	Oid			types[RDE_MAX_ARGUMENTS + 1];	/* ends with 0 */
} RdeStatement;

/* Values as an array of their type, for unnest(); nulls may be NULL. */
extern Datum rde_array(Datum *elements, bool *nulls, int count, Oid type);
extern Datum rde_uuid_array(const pg_uuid_t *ids, int count);

/* SPI_connect(), which can only fail where it must not. */
extern void rde_connect(void);

/*
 * Run a statement as the extension's owner.  The caller is connected to SPI.
 * values and nulls are as for SPI_execute_plan(), NULL if there are none.  Raises
 * unless the result is as expected.
 */
extern void rde_execute(const RdeHome *home, const RdeStatement *statement,
						Datum *values, const char *nulls);

#endif							/* RDE_STATEMENT_H */
