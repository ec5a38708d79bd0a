/*
 * clock.h
 *	  What time it is, by the clock that fits.
 *
 * Durations and deadlines are by a clock that nobody sets; only what people read
 * is by the real one.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic, of one epoch for all of them; seconds are never 0. */
extern int64_t clock_us(void);
extern int64_t clock_ms(void);
extern time_t clock_seconds(void);

/* The same to some milliseconds, for those who ask with every 32 KiB. */
extern time_t clock_coarse_seconds(void);

/* A moment of clock_ms(), for condition variables with CLOCK_MONOTONIC. */
extern struct timespec clock_moment(int64_t ms);

/* In UTC, as logs and errors have it. */
extern struct timespec clock_real(void);

#endif							/* CLOCK_H */
