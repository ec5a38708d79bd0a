/*
 * sweep.h
 *	  Invoices that no trigger has told of.
 */
#ifndef RDE_SWEEP_H
#define RDE_SWEEP_H

#include "core/rde.h"

/*
 * Sweep one watched table whose turn it is, of those that no other worker is
 * at; false if there is none.  A data set that fails is a warning, and its table
 * is tried again an hour later, from where its last complete sweep began.
 * Needs an SPI connection and an active snapshot.
 */
extern bool rde_sweep_watched(const RdeHome *home);

#endif							/* RDE_SWEEP_H */
