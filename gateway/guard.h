/*
 * guard.h
 *	  How long a connection may take for what it is to do next.
 *
 * libmicrohttpd's own timeout is put off by every byte; a client that sends or
 * takes one byte a second would keep its connection for ever.
 */
#ifndef GUARD_H
#define GUARD_H

typedef struct Guard Guard;

typedef enum GuardState
{
	GUARD_REQUEST,				/* it sends a request, or nothing */
	GUARD_WORK,					/* we are busy with it */
	GUARD_REPLY,				/* it takes a reply */
	GUARD_DOWNLOAD				/* it takes the next block of a file */
} GuardState;

extern Guard *guard_create(int socket);
extern void guard_free(Guard *guard);

/* What is to happen next; its time runs from now. */
extern void guard_expect(Guard *guard, GuardState state);

/* Shut the sockets of those that are late.  To be called once a second. */
extern void guard_sweep(void);

#endif							/* GUARD_H */
