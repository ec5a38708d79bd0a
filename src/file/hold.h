/*
 * hold.h
 *	  A sink that keeps bytes in memory, for what must be written before them.
 */
#ifndef RDE_HOLD_H
#define RDE_HOLD_H

#include "file/sink.h"

/* An empty one, in the current memory context; it is never finished. */
extern RdeSink *rde_hold_create(void);

/* Put all it holds behind what the buffer has, and free it. */
extern void rde_hold_release(RdeSink *hold, RdeBuffer *buffer);

#endif							/* RDE_HOLD_H */
