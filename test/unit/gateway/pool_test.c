/*
 * pool_test.c
 *	  Sessions of a real server, lent to threads: never more than there are, who
 *	  came first first, and what happens to those that broke.
 */
#include "gateway/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/log.h"
#include "unit/tap.h"

#define SIZE		4
#define WAITING		16
#define THREADS		12

static const char conninfo[] = "dbname=postgres user=gateway";
static const char nowhere[] = "host=/nowhere dbname=postgres user=gateway";

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const PoolClient quickly = {POOL_SHORT, 0};
static const PoolClient for_long = {POOL_LONG, 0};

/* A session for nobody in particular, or NULL. */
static PGconn *
take_for(Pool *pool, const PoolClient *client)
{
	PoolAnswer	answer;
	PGconn	   *conn = pool_take(pool, client, &answer);

	if ((conn != NULL) != (answer == POOL_LENT))
		ok(false, "the answer says whether there is one");
	return conn;
}

static void
test_take(void)
{
	Pool	   *pool = pool_create("test", conninfo, SIZE, WAITING);
	PGconn	   *first = take_for(pool, &quickly);
	PGconn	   *again;
	int			pid;

	ok(first != NULL && PQstatus(first) == CONNECTION_OK &&
	   PQpipelineStatus(first) == PQ_PIPELINE_ON, "a session is ready");
	if (first == NULL)
		exit(done() | 1);
	pid = PQbackendPID(first);
	pool_give(pool, first, &quickly, true);
	again = take_for(pool, &quickly);
	ok(PQbackendPID(again) == pid, "given back, it is lent again");
	pool_give(pool, again, &quickly, false);
	again = take_for(pool, &quickly);
	ok(PQbackendPID(again) != pid, "one that is not good is not");

	/* in a pipeline whose end has not come */
	pid = PQbackendPID(again);
	PQsendQueryParams(again, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
	pool_give(pool, again, &quickly, true);
	again = take_for(pool, &quickly);
	ok(PQbackendPID(again) != pid, "nor one that is in the middle of something");
	pool_give(pool, again, &quickly, true);
	pool_close(pool);
}

/* The server ends an idle session. */
static void
test_ended(void)
{
	Pool	   *pool = pool_create("test", conninfo, 1, WAITING);
	PGconn	   *conn = take_for(pool, &quickly);
	PGconn	   *admin = PQconnectdb("dbname=postgres");
	int			pid = PQbackendPID(conn);
	char		sql[80];

	pool_give(pool, conn, &quickly, true);
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d, 10000)", pid);
	PQclear(PQexec(admin, sql));
	PQfinish(admin);
	conn = take_for(pool, &quickly);
	ok(conn != NULL && PQbackendPID(conn) != pid, "a session that ended is replaced");
	pool_give(pool, conn, &quickly, true);
	pool_close(pool);
}

static void
test_unreachable(void)
{
	Pool	   *pool = pool_create("test", nowhere, SIZE, WAITING);
	long		start = now_ms();
	bool		none = true;

	for (int i = 0; i < 100; i++)
		none &= take_for(pool, &quickly) == NULL;
	ok(none && now_ms() - start < 4000,
	   "where there is no server, nobody waits for one");
	pool_close(pool);
}

typedef struct Taker
{
	Pool	   *pool;
	const PoolClient *client;
	PGconn	   *conn;
	pthread_t	thread;
} Taker;

static void *
take(void *arg)
{
	Taker	   *taker = arg;

	taker->conn = take_for(taker->pool, taker->client);
	return NULL;
}

static void
start_taker(Taker *taker, Pool *pool, const PoolClient *client)
{
	taker->pool = pool;
	taker->client = client;
	taker->conn = NULL;
	if (pthread_create(&taker->thread, NULL, take, taker) != 0)
		abort();
	usleep(100 * 1000);			/* so that it waits */
}

/* Half of the sessions may be wanted for long; short ones overtake those. */
static void
test_queue(void)
{
	Pool	   *pool = pool_create("test", conninfo, 2, 2);
	PGconn	   *slow = take_for(pool, &for_long);
	PGconn	   *quick;
	Taker		third;
	Taker		fourth;
	long		start;

	start_taker(&third, pool, &for_long);
	quick = take_for(pool, &quickly);
	ok(quick != NULL, "a short use gets what a long one may not have");
	start_taker(&fourth, pool, &quickly);
	start = now_ms();
	ok(take_for(pool, &quickly) == NULL && now_ms() - start < 2000,
	   "who finds the queue full is refused at once");

	pool_give(pool, quick, &quickly, true);
	pthread_join(fourth.thread, NULL);
	ok(fourth.conn == quick, "a short use overtakes a long one that may not begin");
	pool_give(pool, slow, &for_long, true);
	pthread_join(third.thread, NULL);
	ok(third.conn == slow, "which begins when the other ends");
	pool_give(pool, third.conn, &for_long, true);
	pool_give(pool, fourth.conn, &quickly, true);
	pool_close(pool);
}

/* An account has half of the sessions at most, and half of those for long. */
static void
test_accounts(void)
{
	static const PoolClient one = {POOL_SHORT, 1};
	static const PoolClient other = {POOL_SHORT, 2};
	Pool	   *pool = pool_create("test", conninfo, SIZE, 0);
	PGconn	   *conns[SIZE];
	PoolAnswer	answer;

	conns[0] = take_for(pool, &one);
	conns[1] = take_for(pool, &one);
	ok(conns[0] != NULL && conns[1] != NULL && pool_take(pool, &one, &answer) == NULL &&
	   answer == POOL_SHARE_TAKEN, "an account has half of the sessions");
	conns[2] = take_for(pool, &other);
	ok(!pool_is_busy(pool), "others are left");
	conns[3] = take_for(pool, &other);
	ok(conns[2] != NULL && conns[3] != NULL && pool_is_busy(pool), "for another");
	ok(pool_take(pool, &quickly, &answer) == NULL && answer == POOL_BUSY,
	   "then there are none");
	pool_give(pool, conns[0], &one, true);
	conns[0] = take_for(pool, &quickly);
	ok(conns[0] != NULL, "what one gives back is whoever's");
	pool_give(pool, conns[0], &quickly, true);
	pool_give(pool, conns[1], &one, true);
	pool_give(pool, conns[2], &other, true);
	pool_give(pool, conns[3], &other, true);
	pool_close(pool);
}

static void
test_patience(void)
{
	Pool	   *pool = pool_create("test", conninfo, 1, WAITING);
	PGconn	   *conn = take_for(pool, &quickly);
	long		start = now_ms();
	long		waited;

	ok(take_for(pool, &quickly) == NULL, "who waits too long gets none");
	waited = now_ms() - start;
	ok(waited >= 4900 && waited < 15000, "after five seconds");
	pool_give(pool, conn, &quickly, true);
	conn = take_for(pool, &quickly);
	ok(conn != NULL, "and stands in nobody's way");
	pool_give(pool, conn, &quickly, true);
	pool_close(pool);
}

static Pool *shared;
static long rounds;
static int	lent;
static int	lent_long;

static void *
borrow(void *arg)
{
	PoolClient	client = {(intptr_t) arg % 2 == 0 ? POOL_SHORT : POOL_LONG, 0};
	bool		good = true;

	for (long round = 0; round < rounds && good; round++)
	{
		PGconn	   *conn = take_for(shared, &client);

		if (conn == NULL)
			return (void *) false;
		good = PQtransactionStatus(conn) == PQTRANS_IDLE &&
			__atomic_add_fetch(&lent, 1, __ATOMIC_SEQ_CST) <= SIZE;
		if (client.use == POOL_LONG)
			good &= __atomic_add_fetch(&lent_long, 1, __ATOMIC_SEQ_CST) <= SIZE / 2;
		if (round % 16 == 0)
			usleep(100);
		if (client.use == POOL_LONG)
			__atomic_sub_fetch(&lent_long, 1, __ATOMIC_SEQ_CST);
		__atomic_sub_fetch(&lent, 1, __ATOMIC_SEQ_CST);
		pool_give(shared, conn, &client, round % 64 != 63);
	}
	return (void *) (intptr_t) good;
}

static void
test_threads(void)
{
	pthread_t	threads[THREADS];
	bool		good = true;

	shared = pool_create("test", conninfo, SIZE, WAITING);
	for (intptr_t i = 0; i < THREADS; i++)
	{
		if (pthread_create(&threads[i], NULL, borrow, (void *) i) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++)
	{
		void	   *result;

		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	ok(good, "each of many threads gets its turn, and no session is lent twice");
	pool_close(shared);
}

int
main(int argc, char **argv)
{
	tap = stdout;
	rounds = (argc > 1 ? atol(argv[1]) : 1000000) / 400;
	log_set_level("error");
	test_take();
	test_ended();
	test_unreachable();
	test_queue();
	test_accounts();
	test_patience();
	test_threads();
	return done();
}
