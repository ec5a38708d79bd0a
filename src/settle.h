/*
 * settle.h
 *	  Can rows still appear in a period that is over?
 */
#ifndef RDE_SETTLE_H
#define RDE_SETTLE_H

#include "rde.h"

/*
 * True once no running transaction can still commit a row stamped before
 * period_end.  The caller is connected to SPI, and reads the source under a
 * snapshot taken *after* this returned: under an older one a row that was
 * committed in between would be lost.
 */
extern bool rde_settled(const RdeHome *home, TimestampTz period_end);

#endif							/* RDE_SETTLE_H */
