/*
 * guard.c
 *	  How long a connection may take for what it is to do next.
 *
 * Invariant: a guard is in the list from guard_create() to guard_free(), and its
 * socket is open all that time; so guard_sweep(), which holds the lock, never
 * shuts a socket that is somebody else's by now.
 */
#include "guard.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "memory.h"

/*
 * Seconds.  A request is 32 kB of headers or 64 KiB of body at most, a block of
 * a file 32 KiB.  A reply may be a long list.
 */
static const int limits[] = {
	[GUARD_REQUEST] = 30,
	[GUARD_WORK] = 0,			/* the database has limits of its own */
	[GUARD_REPLY] = 120,
	[GUARD_DOWNLOAD] = 30,
};

struct Guard
{
	int			socket;
	time_t		until;			/* 0: no limit */
	Guard	   *next;
	Guard	   *previous;
};

static Guard list = {.next = &list,.previous = &list};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static time_t
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

Guard *
guard_create(int socket)
{
	Guard	   *guard = memory_get(sizeof(Guard));

	guard->socket = socket;
	guard_expect(guard, GUARD_REQUEST);
	pthread_mutex_lock(&lock);
	guard->next = list.next;
	guard->previous = &list;
	list.next->previous = guard;
	list.next = guard;
	pthread_mutex_unlock(&lock);
	return guard;
}

void
guard_free(Guard *guard)
{
	pthread_mutex_lock(&lock);
	guard->next->previous = guard->previous;
	guard->previous->next = guard->next;
	pthread_mutex_unlock(&lock);
	free(guard);
}

void
guard_expect(Guard *guard, GuardState state)
{
	time_t		until = limits[state] == 0 ? 0 : now_seconds() + limits[state];

	__atomic_store_n(&guard->until, until, __ATOMIC_RELAXED);
}

void
guard_sweep(void)
{
	time_t		now = now_seconds();

	pthread_mutex_lock(&lock);
	for (Guard *guard = list.next; guard != &list; guard = guard->next)
	{
		time_t		until = __atomic_load_n(&guard->until, __ATOMIC_RELAXED);

		if (until != 0 && until < now)
			shutdown(guard->socket, SHUT_RDWR);
	}
	pthread_mutex_unlock(&lock);
}
