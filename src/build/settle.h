/*
 * settle.h
 *	  Up to when can no more rows appear?
 */
#ifndef RDE_SETTLE_H
#define RDE_SETTLE_H

#include "core/rde.h"

/*
 * The instant before which every transaction that still runs began: a period
 * that ends at or before it is settled, no row stamped within it can be
 * committed any more.  The caller is connected to SPI, and reads the source
 * under a snapshot taken *after* this returned: under an older one a row that
 * was committed in between would be lost.
 */
extern TimestampTz rde_settle_horizon(const RdeHome *home);

#endif							/* RDE_SETTLE_H */
