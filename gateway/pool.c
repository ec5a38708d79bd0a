/*
 * pool.c
 *	  A fixed number of sessions, lent to one request at a time.
 *
 * Invariant: opened = idle + lent + being opened, and is at most size.  While a
 * session is idle, nobody waits who may have it.  The mutex is never held while
 * a server is talked to.
 */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "memory.h"
#include "session.h"

/* How long a request waits for a session before it is told to come again. */
#define MAX_WAIT_MS		5000

/* After a failed attempt, none is made for so long; doubled up to the last. */
#define FIRST_PAUSE_MS	100
#define LAST_PAUSE_MS	3000

/* A request that waits, in a queue: who came first is served first. */
typedef struct Waiter
{
	PoolUse		use;
	bool		called;			/* and no longer in the queue */
	PGconn	   *conn;			/* lent; NULL: called to look for itself */
	pthread_cond_t wake;
	struct Waiter *next;
} Waiter;

struct Pool
{
	const char *name;
	const char *conninfo;
	int			size;
	int			max_long;
	int			max_waiting;

	pthread_mutex_t lock;
	Waiter	   *first;
	int			waiting;
	int			opened;
	int			opening;
	int			lent_long;
	int			idle_count;
	PGconn	  **idle;			/* the last one is the last used */
	long		pause_ms;		/* 0: the last attempt went well */
	long		pause_until_ms;
	char	   *last_error;		/* as it was logged; NULL while all is well */
};

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Pool *
pool_create(const char *name, const char *conninfo, int size, int max_waiting)
{
	Pool	   *pool = memory_get(sizeof(Pool));

	pool->name = name;
	pool->conninfo = conninfo;
	pool->size = size;
	pool->max_long = size > 1 ? size / 2 : 1;
	pool->max_waiting = max_waiting;
	pool->idle = memory_get(size * sizeof(PGconn *));
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void
pool_close(Pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->idle_count > 0)
	{
		PQfinish(pool->idle[--pool->idle_count]);
		pool->opened--;
	}
	pthread_mutex_unlock(&pool->lock);
	pthread_mutex_destroy(&pool->lock);
	free(pool->idle);
	free(pool->last_error);
	free(pool);
}

static bool
may_have(const Pool *pool, PoolUse use)
{
	return use == POOL_SHORT || pool->lent_long < pool->max_long;
}

static void
leave_queue(Pool *pool, const Waiter *waiter)
{
	Waiter	  **place = &pool->first;

	while (*place != waiter)
		place = &(*place)->next;
	*place = waiter->next;
	pool->waiting--;
}

static void
call(Pool *pool, Waiter *waiter, PGconn *conn)
{
	leave_queue(pool, waiter);
	waiter->called = true;
	waiter->conn = conn;
	if (conn != NULL && waiter->use == POOL_LONG)
		pool->lent_long++;
	pthread_cond_signal(&waiter->wake);
}

/* The idle session that was used last; NULL if there is none that is alive. */
static PGconn *
take_idle(Pool *pool)
{
	while (pool->idle_count > 0)
	{
		PGconn	   *conn = pool->idle[--pool->idle_count];

		if (session_is_alive(conn))
			return conn;
		PQfinish(conn);
		pool->opened--;
	}
	return NULL;
}

/* Lend what is idle, and let others open what there is room for. */
static void
serve_queue(Pool *pool)
{
	int			opening = 0;
	Waiter	   *next;

	for (Waiter *waiter = pool->first; waiter != NULL; waiter = next)
	{
		PGconn	   *conn;

		next = waiter->next;
		if (!may_have(pool, waiter->use))
			continue;
		conn = take_idle(pool);
		if (conn == NULL && pool->opened + opening++ >= pool->size)
			break;
		call(pool, waiter, conn);
	}
}

/* Wait in the queue; false if nobody called until then. */
static bool
wait_for_call(Pool *pool, Waiter *waiter, const struct timespec *until)
{
	Waiter	  **last = &pool->first;
	pthread_condattr_t attributes;

	while (*last != NULL)
		last = &(*last)->next;
	*last = waiter;
	pool->waiting++;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	while (!waiter->called &&
		   pthread_cond_timedwait(&waiter->wake, &pool->lock, until) == 0)
		;
	pthread_cond_destroy(&waiter->wake);
	if (!waiter->called)
		leave_queue(pool, waiter);
	return waiter->called;
}

/* Open a session.  The lock is held before and after, not meanwhile. */
static PGconn *
open_one(Pool *pool)
{
	PGconn	   *conn;
	char	   *error = NULL;

	pool->opened++;
	pool->opening++;
	pthread_mutex_unlock(&pool->lock);
	conn = session_open(pool->conninfo, &error);
	pthread_mutex_lock(&pool->lock);
	pool->opening--;
	if (conn != NULL)
	{
		if (pool->pause_ms > 0)
			log_message(LOG_INFO, "the database can be reached again");
		pool->pause_ms = 0;
		free(pool->last_error);
		pool->last_error = NULL;
		return conn;
	}
	pool->opened--;
	/* each reason once, not with each attempt */
	if (pool->last_error == NULL || strcmp(pool->last_error, error) != 0)
		log_message(LOG_ERROR, "the database cannot be used: %s", error);
	else
		log_message(LOG_DEBUG, "%s pool: %s", pool->name, error);
	pool->pause_ms = pool->pause_ms == 0 ? FIRST_PAUSE_MS :
		pool->pause_ms * 2 > LAST_PAUSE_MS ? LAST_PAUSE_MS : pool->pause_ms * 2;
	pool->pause_until_ms = now_ms() + pool->pause_ms;
	free(pool->last_error);
	pool->last_error = error;
	/* waiting is no use any more */
	while (pool->first != NULL)
		call(pool, pool->first, NULL);
	return NULL;
}

/*
 * A session if one can be had now.  *hopeless if waiting is no use, for the
 * database is away.
 */
static PGconn *
take_now(Pool *pool, PoolUse use, bool *hopeless)
{
	PGconn	   *conn;

	if (!may_have(pool, use))
		return NULL;
	conn = take_idle(pool);
	if (conn == NULL && pool->opened == pool->size)
		return NULL;
	if (use == POOL_LONG)
		pool->lent_long++;
	/* While it is away, one tries at a time, and not all the time. */
	if (conn == NULL && (pool->pause_ms == 0 ||
						 (pool->opening == 0 && now_ms() >= pool->pause_until_ms)))
		conn = open_one(pool);
	if (conn == NULL && use == POOL_LONG)
		pool->lent_long--;
	*hopeless = conn == NULL;
	return conn;
}

PGconn *
pool_take(Pool *pool, PoolUse use)
{
	PGconn	   *conn;
	bool		hopeless = false;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += MAX_WAIT_MS / 1000;

	pthread_mutex_lock(&pool->lock);
	conn = take_now(pool, use, &hopeless);
	while (conn == NULL && !hopeless && pool->waiting < pool->max_waiting)
	{
		Waiter		waiter = {.use = use};

		if (!wait_for_call(pool, &waiter, &until))
			break;
		conn = waiter.conn;
		if (conn == NULL)
			conn = take_now(pool, use, &hopeless);
	}
	pthread_mutex_unlock(&pool->lock);
	return conn;
}

void
pool_give(Pool *pool, PGconn *conn, PoolUse use, bool good)
{
	good = good && PQstatus(conn) == CONNECTION_OK &&
		PQtransactionStatus(conn) == PQTRANS_IDLE;
	if (!good)
		PQfinish(conn);

	pthread_mutex_lock(&pool->lock);
	if (use == POOL_LONG)
		pool->lent_long--;
	if (good)
		pool->idle[pool->idle_count++] = conn;
	else
		pool->opened--;
	serve_queue(pool);
	pthread_mutex_unlock(&pool->lock);
}
