/*
 * submit.h
 *	  A request becomes a submitted report.
 */
#ifndef RDE_SUBMIT_H
#define RDE_SUBMIT_H

#include "core/rde.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* What is asked for; NULL strings take their defaults. */
typedef struct RdeRequest
{
	const char *dataset;
	const char *view;
	const char *format;
	const char *type;			/* onetime, daily ... */
	const char *name;
	const char *time_zone;
	Jsonb	   *options;
	bool		has_reseller;
	int64		reseller;
	bool		by_instant;		/* else by day */
	DateADT		from;			/* first and last day, inclusive */
	DateADT		to;
	TimestampTz period_from;	/* half-open */
	TimestampTz period_to;
} RdeRequest;

/*
 * Check a request and insert its row; returns the id.  Needs an SPI connection.
 * Errors name what is wrong: 22004 for NULLs, 22023, 22008, 42704 for what does
 * not exist, 55000 for a data set without source.  Days are those that
 * rde_check_days() has let through.
 */
extern pg_uuid_t rde_report_submit(const RdeHome *home,
								   const RdeRequest *request);

#endif							/* RDE_SUBMIT_H */
