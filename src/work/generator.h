/*
 * generator.h
 *	  Generators: from due periods to submitted reports.
 */
#ifndef RDE_GENERATOR_H
#define RDE_GENERATOR_H

#include "core/rde.h"
#include "utils/uuid.h"

/*
 * Submit the periods that are due, of at most `limit` generators and for each a
 * limited number; the caller commits and calls again until this returns false, as
 * nothing is left that is not another worker's.  Generators in `skipped`, a
 * uuid[], are left out; *last is one of those it began with, also when it fails.
 * Needs an SPI connection.
 */
extern bool rde_generator_submit_due(const RdeHome *home, int limit,
									 Datum skipped, pg_uuid_t *last);

/* Let a generator, whose periods cannot be submitted, make no more of them. */
extern void rde_generator_disable(const RdeHome *home, const pg_uuid_t *id,
								  const ErrorData *error);

#endif							/* RDE_GENERATOR_H */
