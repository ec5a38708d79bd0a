/*
 * pool.h
 *	  A fixed number of sessions, lent to one request at a time.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>

#include <libpq-fe.h>

typedef struct Pool Pool;

/* What a session is wanted for. */
typedef enum PoolUse
{
	POOL_SHORT,					/* milliseconds */
	POOL_LONG					/* seconds; at most half of the pool */
} PoolUse;

/*
 * Sessions are opened when first needed.  Of those who wait for one, at most
 * max_waiting do; who comes after them is refused at once.
 */
extern Pool *pool_create(const char *name, const char *conninfo, int size,
						 int max_waiting);

/* Close its sessions, once none is lent, and free it. */
extern void pool_close(Pool *pool);

/*
 * Borrow a session.  NULL if none was free for some seconds, or if the database
 * cannot be reached.
 */
extern PGconn *pool_take(Pool *pool, PoolUse use);

/* Give it back; one that is not good is closed. */
extern void pool_give(Pool *pool, PGconn *conn, PoolUse use, bool good);

#endif							/* POOL_H */
