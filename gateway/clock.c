/*
 * clock.c
 *	  What time it is, by the clock that fits.
 */
#include "clock.h"

static struct timespec
now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now;
}

int64_t
clock_us(void)
{
	struct timespec now = now_of(CLOCK_MONOTONIC);

	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

time_t
clock_seconds(void)
{
	return now_of(CLOCK_MONOTONIC).tv_sec + 1;
}

time_t
clock_coarse_seconds(void)
{
	return now_of(CLOCK_MONOTONIC_COARSE).tv_sec + 1;
}

struct timespec
clock_moment(int64_t ms)
{
	return (struct timespec)
	{
		.tv_sec = ms / 1000,.tv_nsec = ms % 1000 * 1000000
	};
}

struct timespec
clock_real(void)
{
	return now_of(CLOCK_REALTIME);
}
