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

#include "clock.h"
#include "memory.h"

/*
 * Seconds.  A request is 32 kB of headers and 64 KiB of body at most, a block of
 * a file 32 KiB.  A reply may be a long list.
 */
static const int limits[] = {
	[GUARD_HEADERS] = 10,
	[GUARD_BODY] = 30,
	[GUARD_DRAIN] = 30,
	[GUARD_IDLE] = 30,
	[GUARD_WORK] = 0,			/* the database has limits of its own */
	[GUARD_REPLY] = 120,
	[GUARD_DOWNLOAD] = 30,
};

struct Guard
{
	int			socket;
	Address		address;
	bool		has_address;
	bool		is_shut;
	int			state;
	time_t		until;			/* 0: no limit */
	Guard	   *next;
	Guard	   *previous;
};

static Guard list = {.next = &list,.previous = &list};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
shut(Guard *guard)
{
	guard->is_shut = true;
	shutdown(guard->socket, SHUT_RDWR);
}

/* Is it one that counts beside the new one, or at all where that is NULL? */
static bool
counts(const Guard *guard, const Guard *new)
{
	return !guard->is_shut &&
		(new == NULL || (guard->has_address &&
						 address_equal(&guard->address, &new->address)));
}

/* Nothing that is of use to its client would be lost. */
static bool
is_idle(const Guard *guard)
{
	int			state = __atomic_load_n(&guard->state, __ATOMIC_RELAXED);

	return state == GUARD_HEADERS || state == GUARD_IDLE || state == GUARD_DRAIN;
}

/* Shut the oldest idle one if there are so many. */
static bool
make_room_among(const Guard *new, int most)
{
	Guard	   *oldest = NULL;
	int			count = 0;

	for (Guard *guard = list.previous; guard != &list; guard = guard->previous)
	{
		if (!counts(guard, new))
			continue;
		count++;
		if (oldest == NULL && is_idle(guard))
			oldest = guard;
	}
	if (count < most)
		return true;
	if (oldest != NULL)
		shut(oldest);
	return oldest != NULL;
}

/* The lock is held. */
static void
make_room(Guard *new)
{
	if (new->has_address && !make_room_among(new, GUARD_PER_ADDRESS))
		shut(new);
	else
		make_room_among(NULL, GUARD_MOST);
}

Guard *
guard_create(int socket, const Address *address)
{
	Guard	   *guard = memory_get(sizeof(Guard));

	guard->socket = socket;
	guard->has_address = address != NULL;
	if (address != NULL)
		guard->address = *address;
	guard_expect(guard, GUARD_HEADERS);
	pthread_mutex_lock(&lock);
	make_room(guard);
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
	time_t		until = limits[state] == 0 ? 0 : clock_coarse_seconds() + limits[state];

	__atomic_store_n(&guard->state, (int) state, __ATOMIC_RELAXED);
	__atomic_store_n(&guard->until, until, __ATOMIC_RELAXED);
}

void
guard_sweep(void)
{
	time_t		now = clock_coarse_seconds();

	pthread_mutex_lock(&lock);
	for (Guard *guard = list.next; guard != &list; guard = guard->next)
	{
		time_t		until = __atomic_load_n(&guard->until, __ATOMIC_RELAXED);

		if (until != 0 && until < now)
			shut(guard);
	}
	pthread_mutex_unlock(&lock);
}
