/*
 * generator.h
 *	  Generators: from due periods to submitted reports.
 */
#ifndef RDE_GENERATOR_H
#define RDE_GENERATOR_H

#include "core/rde.h"

/*
 * Submit the periods that are due, of a limited number of generators and for
 * each a limited number; the caller commits and calls again until this returns
 * false, as nothing is left that is not another worker's.  Needs an SPI
 * connection.
 */
extern bool rde_generator_submit_due(const RdeHome *home);

#endif							/* RDE_GENERATOR_H */
