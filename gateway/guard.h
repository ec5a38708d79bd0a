/*
 * guard.h
 *	  How long a connection may take for what it is to do next.
 *
 * libmicrohttpd's own timeout is put off by every byte; a client that sends or
 * takes one byte a second would keep its connection for ever.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>

#include "address.h"

/* Connections, of one address and of all, before some have to make room */
#define GUARD_PER_ADDRESS	256
#define GUARD_MOST			480

typedef struct Guard Guard;

typedef enum GuardState
{
	GUARD_HEADERS,				/* it sends a request's first line or headers */
	GUARD_BODY,					/* or its body */
	GUARD_DRAIN,				/* or a body that nobody wants */
	GUARD_IDLE,					/* it may send another request, or not */
	GUARD_WORK,					/* we are busy with it */
	GUARD_REPLY,				/* it takes a reply */
	GUARD_DOWNLOAD				/* it takes the next block of a file */
} GuardState;

/*
 * When there are many connections, or many of one address, those whose request
 * is not there yet make room for a new one, the oldest first; if none of the
 * address can, the new one is shut.  address is NULL for a client that may be
 * many.
 */
extern Guard *guard_create(int socket, const Address *address);
extern void guard_free(Guard *guard);

/* What is to happen next; its time runs from now. */
extern void guard_expect(Guard *guard, GuardState state);

/* Shut the sockets of those that are late.  To be called once a second. */
extern void guard_sweep(void);

#endif							/* GUARD_H */
