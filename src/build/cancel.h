/*
 * cancel.h
 *	  Was it rde_cancel_report() that cancelled a build?
 */
#ifndef RDE_CANCEL_H
#define RDE_CANCEL_H

#include "build/failure.h"
#include "utils/uuid.h"

typedef enum RdeCancelled
{
	RDE_NOT_CANCELLED,			/* something else has happened */
	RDE_CANCELLED,				/* this report is to be built no more */
	RDE_CANCELLED_OTHER			/* another is, which this session built before */
} RdeCancelled;

/*
 * What a failure of the build of a report means.  If it was cancelled the failure
 * says so in rde's own words, and is final.  Needs an SPI connection.
 */
extern RdeCancelled rde_cancelled(const RdeHome *home, const pg_uuid_t *id,
								  RdeFailure *failure);

#endif							/* RDE_CANCEL_H */
