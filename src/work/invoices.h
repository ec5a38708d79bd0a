/*
 * invoices.h
 *	  The SELECTs of a sweep: which invoices changed, and which of them are told of
 *	  by the table that is watched.
 */
#ifndef RDE_INVOICES_H
#define RDE_INVOICES_H

#include "core/rde.h"
#include "utils/rel.h"

/* A row of _rde_invoice_watch. */
typedef struct RdeWatch
{
	Oid			relation;
	const char *reseller;
	const char *invoice;
	const char *when_column;	/* NULL: every row is an invoice */
	const char *when_value;
} RdeWatch;

/* A data set with reports on invoice, and where its invoices are found. */
typedef struct RdeOrigin
{
	const char *dataset;
	Oid			relation;
	const char *reseller;
	const char *invoice;
	const char *period;
	TimestampTz since;
	bool		paused;
} RdeOrigin;

/*
 * The invoices of a source's rows that changed since $1, with the time when they
 * did, in batches of arrays.  Days and seconds count to their ends.
 */
extern char *rde_changed_invoices(Relation source, const RdeOrigin *origin);

/* Those of the invoices in the arrays $1, $2, $3 that the watched table has. */
extern char *rde_watched_invoices(Relation table, const RdeWatch *watch);

#endif							/* RDE_INVOICES_H */
