/*
 * export.h
 *	  The build: submitted report rows become stored files.
 */
#ifndef RDE_EXPORT_H
#define RDE_EXPORT_H

#include "report.h"

/*
 * Build submitted reports that ask for the same rows (one data set, view,
 * reseller, period and zone; any formats) in one pass, and publish them.
 * Raises whatever goes wrong; the caller's (sub)transaction then undoes it all.
 */
extern void rde_export_build(const RdeHome *home, const pg_uuid_t *ids,
							 int count);

#endif							/* RDE_EXPORT_H */
