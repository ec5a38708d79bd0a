/*
 * pool.c
 *	  A fixed number of sessions, lent to one request at a time.
 *
 * Invariant: opened = idle + lent + being opened, and is at most size; loans
 * names the clients of those that are lent or being opened, and nobody else.
 * While a session is idle, nobody waits who may have it.  The mutex is never held while
 * a server is talked to.
 */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "memory.h"
#include "session.h"

/*
 * How long a request waits for a session, one that it opens itself included,
 * before it is told to come again.
 */
#define MAX_WAIT_MS		5000

/* After a failed attempt, none is made for so long; doubled up to the last. */
#define FIRST_PAUSE_MS	100
#define LAST_PAUSE_MS	3000

/* A request that waits, in a queue: who came first is served first. */
typedef struct Waiter
{
	const PoolClient *client;
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
	int			loan_count;
	PoolClient *loans;
	int			idle_count;
	PGconn	  **idle;			/* the last one is the last used */
	long		pause_ms;		/* 0: the last attempt went well */
	int64_t		pause_until_ms;
	char	   *last_error;		/* as it was logged; NULL while all is well */
};

Pool *
pool_create(const char *name, const char *conninfo, int size, int max_waiting)
{
	Pool	   *pool = memory_get(sizeof(Pool));

	pool->name = name;
	pool->conninfo = conninfo;
	pool->size = size;
	pool->max_long = size > 1 ? size / 2 : 1;
	pool->max_waiting = max_waiting;
	pool->loans = memory_get(size * sizeof(PoolClient));
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
	free(pool->loans);
	free(pool->idle);
	free(pool->last_error);
	free(pool);
}

static void
add_loan(Pool *pool, const PoolClient *client)
{
	pool->loans[pool->loan_count++] = *client;
}

static void
end_loan(Pool *pool, const PoolClient *client)
{
	int			i = 0;

	while (pool->loans[i].use != client->use ||
		   pool->loans[i].account != client->account)
		i++;
	pool->loans[i] = pool->loans[--pool->loan_count];
}

/* Sessions lent: all, or those for long; of all, or of one account. */
static int
count_loans(const Pool *pool, bool only_long, int64_t account)
{
	int			count = 0;

	for (int i = 0; i < pool->loan_count; i++)
		count += (!only_long || pool->loans[i].use == POOL_LONG) &&
			(account <= 0 || pool->loans[i].account == account);
	return count;
}

static int
half(int count)
{
	return count > 1 ? count / 2 : 1;
}

static bool
has_share(const Pool *pool, const PoolClient *client)
{
	if (client->account <= 0)
		return false;
	return count_loans(pool, false, client->account) >= half(pool->size) ||
		(client->use == POOL_LONG &&
		 count_loans(pool, true, client->account) >= half(pool->max_long));
}

static bool
may_have(const Pool *pool, const PoolClient *client)
{
	return !has_share(pool, client) &&
		(client->use == POOL_SHORT || count_loans(pool, true, 0) < pool->max_long);
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
	if (conn != NULL)
		add_loan(pool, waiter->client);
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
		if (!may_have(pool, waiter->client))
			continue;
		conn = take_idle(pool);
		if (conn == NULL && pool->opened + opening++ >= pool->size)
			break;
		call(pool, waiter, conn);
	}
}

/* Wait in the queue; false if nobody called until then. */
static bool
wait_for_call(Pool *pool, Waiter *waiter, int64_t until)
{
	const struct timespec moment = clock_moment(until);
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
		   pthread_cond_timedwait(&waiter->wake, &pool->lock, &moment) == 0)
		;
	pthread_cond_destroy(&waiter->wake);
	if (!waiter->called)
		leave_queue(pool, waiter);
	return waiter->called;
}

/* Open a session.  The lock is held before and after, not meanwhile. */
static PGconn *
open_one(Pool *pool, int64_t until)
{
	PGconn	   *conn;
	char	   *error = NULL;

	pool->opened++;
	pool->opening++;
	pthread_mutex_unlock(&pool->lock);
	conn = session_open(pool->conninfo, until, &error);
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
	pool->pause_until_ms = clock_ms() + pool->pause_ms;
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
take_now(Pool *pool, const PoolClient *client, int64_t until, bool *hopeless)
{
	PGconn	   *conn;

	if (!may_have(pool, client))
		return NULL;
	conn = take_idle(pool);
	if (conn == NULL && pool->opened == pool->size)
		return NULL;
	add_loan(pool, client);
	/* While it is away, one tries at a time, and not all the time. */
	if (conn == NULL && (pool->pause_ms == 0 ||
						 (pool->opening == 0 && clock_ms() >= pool->pause_until_ms)))
		conn = open_one(pool, until);
	if (conn == NULL)
		end_loan(pool, client);
	*hopeless = conn == NULL;
	return conn;
}

PGconn *
pool_take(Pool *pool, const PoolClient *client, PoolAnswer *answer)
{
	PGconn	   *conn;
	bool		hopeless = false;
	int64_t		until = clock_ms() + MAX_WAIT_MS;

	pthread_mutex_lock(&pool->lock);
	conn = take_now(pool, client, until, &hopeless);
	while (conn == NULL && !hopeless && pool->waiting < pool->max_waiting)
	{
		Waiter		waiter = {.client = client};

		if (!wait_for_call(pool, &waiter, until))
			break;
		conn = waiter.conn;
		if (conn == NULL)
			conn = take_now(pool, client, until, &hopeless);
	}
	*answer = conn != NULL ? POOL_LENT : hopeless ? POOL_AWAY :
		has_share(pool, client) ? POOL_SHARE_TAKEN : POOL_BUSY;
	pthread_mutex_unlock(&pool->lock);
	return conn;
}

void
pool_give(Pool *pool, PGconn *conn, const PoolClient *client, bool good)
{
	good = good && PQstatus(conn) == CONNECTION_OK &&
		PQtransactionStatus(conn) == PQTRANS_IDLE;
	if (!good)
		PQfinish(conn);

	pthread_mutex_lock(&pool->lock);
	end_loan(pool, client);
	if (good)
		pool->idle[pool->idle_count++] = conn;
	else
		pool->opened--;
	serve_queue(pool);
	pthread_mutex_unlock(&pool->lock);
}

bool
pool_is_busy(Pool *pool)
{
	bool		busy;

	pthread_mutex_lock(&pool->lock);
	busy = pool->idle_count == 0 && pool->opened - pool->opening == pool->size;
	pthread_mutex_unlock(&pool->lock);
	return busy;
}

PoolState
pool_state(Pool *pool)
{
	PoolState	state = {.size = pool->size};

	pthread_mutex_lock(&pool->lock);
	state.lent = pool->loan_count;
	state.waiting = pool->waiting;
	state.up = pool->pause_ms == 0;
	pthread_mutex_unlock(&pool->lock);
	return state;
}
