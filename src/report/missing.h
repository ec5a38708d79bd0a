/*
 * missing.h
 *	  Why a report cannot be had: it is not there, not the caller's, not completed;
 *	  or this is a standby.
 */
#ifndef RDE_MISSING_H
#define RDE_MISSING_H

#include "core/rde.h"
#include "utils/uuid.h"

/* Raise 25006 on a standby: whatever asks for a report or makes one needs it. */
extern void rde_report_require_primary(void);

/*
 * Raise 42704 for a report that is not there, or not the caller's to act on.
 * Needs an SPI connection.
 */
extern void rde_report_check_visible(const RdeHome *home,
									 const pg_uuid_t *id);

/* Raise 42704 for a report that does not exist. */
pg_noreturn extern void rde_report_missing(const pg_uuid_t *id);

/*
 * What is said of a failure, with the report's id, instead of an error that may
 * hold a value of another reseller's row.
 */
#define RDE_REPORT_REFERENCE	"report could not be built (reference %s)"

/* Raise 55000: the report's file is asked for, and it has none. */
pg_noreturn extern void rde_report_not_completed(const pg_uuid_t *id,
												 const char *status);

#endif							/* RDE_MISSING_H */
