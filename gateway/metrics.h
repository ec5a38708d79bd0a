/*
 * metrics.h
 *	  What the gateway counts of itself, for Prometheus.
 */
#ifndef METRICS_H
#define METRICS_H

#include "request.h"

/*
 * Count from now on, and tell whoever asks the listening socket for /metrics;
 * false if that cannot be.  Never called: nothing is counted.  The pools are
 * there until metrics_stop().
 */
extern bool metrics_start(int listener, const Pools *pools);
extern void metrics_stop(void);

/* A request has ended.  Called once for each, whatever became of it. */
extern void metrics_count(const Request *request, enum MHD_RequestTerminationCode how);

/* Bytes of a file are on their way. */
extern void metrics_count_bytes(uint64_t bytes);

#endif							/* METRICS_H */
