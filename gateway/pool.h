/*
 * pool.h
 *	  A fixed number of sessions, lent to one request at a time.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

typedef struct Pool Pool;

/* What a session is wanted for. */
typedef enum PoolUse
{
	POOL_SHORT,					/* milliseconds */
	POOL_LONG					/* seconds; at most half of the pool */
} PoolUse;

/* Who wants one, and for what. */
typedef struct PoolClient
{
	PoolUse		use;
	int64_t		account;		/* has half of the sessions of each use at
								 * most; 0 and less: nobody in particular */
} PoolClient;

typedef enum PoolAnswer
{
	POOL_LENT,
	POOL_AWAY,					/* the database cannot be reached */
	POOL_BUSY,					/* none was free for some seconds */
	POOL_SHARE_TAKEN			/* of those the account may have */
} PoolAnswer;

/*
 * Sessions are opened when first needed.  Of those who wait for one, at most
 * max_waiting do; who comes after them is refused at once.
 */
extern Pool *pool_create(const char *name, const char *conninfo, int size,
						 int max_waiting);

/* Close its sessions, once none is lent, and free it. */
extern void pool_close(Pool *pool);

/* Borrow a session, or NULL; *answer says why. */
extern PGconn *pool_take(Pool *pool, const PoolClient *client, PoolAnswer *answer);

/* Give it back; one that is not good is closed. */
extern void pool_give(Pool *pool, PGconn *conn, const PoolClient *client, bool good);

/* Are all of its sessions there, and lent? */
extern bool pool_is_busy(Pool *pool);

/* How it is now. */
typedef struct PoolState
{
	int			size;
	int			lent;			/* or being opened for somebody */
	int			waiting;		/* requests */
	bool		up;				/* false: the last attempt to open one failed */
} PoolState;

extern PoolState pool_state(Pool *pool);

#endif							/* POOL_H */
