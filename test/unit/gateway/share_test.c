/*
 * share_test.c
 *	  How many downloads and lists there may be: counted by one thread and by many.
 */
#include "gateway/share.h"

#include <pthread.h>
#include <stdlib.h>

#include "unit/tap.h"

#define THREADS		8

static void
test_downloads(void)
{
	bool		good = true;
	int			others = SHARE_DOWNLOADS - SHARE_PER_ACCOUNT;

	for (int i = 0; i < SHARE_PER_ACCOUNT; i++)
		good &= share_take_download(1) == SHARE_OK;
	ok(good, "an account has its downloads");
	ok(share_take_download(1) == SHARE_ACCOUNT_HAS_ENOUGH, "and no more");

	good = true;
	for (int i = 0; i < others; i++)
		good &= share_take_download(100 + i) == SHARE_OK;
	ok(good, "others have theirs");
	ok(share_take_download(2) == SHARE_ALL_TAKEN, "until all are taken");
	ok(share_take_download(1) == SHARE_ACCOUNT_HAS_ENOUGH,
	   "who has enough is told so all the same");

	share_give_download(1);
	ok(share_take_download(2) == SHARE_OK, "what is given back is another's");
	share_give_download(3);
	ok(share_take_download(4) == SHARE_ALL_TAKEN,
	   "who has none gives none back");

	share_give_download(2);
	for (int i = 1; i < SHARE_PER_ACCOUNT; i++)
		share_give_download(1);
	for (int i = 0; i < others; i++)
		share_give_download(100 + i);
}

static void
test_chunks(void)
{
	bool		good = true;

	for (int i = 0; i < SHARE_CHUNKS; i++)
		good &= share_take_chunk();
	ok(good && !share_take_chunk(), "so many whole chunks, and no more");
	share_give_chunk();
	ok(share_take_chunk() && !share_take_chunk(), "one for one");
	for (int i = 0; i < SHARE_CHUNKS; i++)
		share_give_chunk();
}

static void
test_lists(void)
{
	size_t		most = SHARE_LISTS_PER_ACCOUNT;
	int			accounts = SHARE_LISTS / SHARE_LISTS_PER_ACCOUNT;
	bool		good = true;

	ok(share_take_list(1, SHARE_LIST - 1) == SHARE_OK &&
	   share_take_list(1, most) == SHARE_OK, "short lists are not counted");
	ok(share_take_list(1, SHARE_LIST) == SHARE_ACCOUNT_HAS_ENOUGH,
	   "an account has its bytes and no more");
	for (int i = 2; i <= accounts; i++)
		good &= share_take_list(i, most) == SHARE_OK;
	ok(good && share_take_list(99, SHARE_LIST) == SHARE_ALL_TAKEN,
	   "until all are taken");
	share_give_list(1, SHARE_LIST - 1);
	ok(share_take_list(99, SHARE_LIST) == SHARE_ALL_TAKEN,
	   "nor does a short one give any back");
	for (int i = 1; i <= accounts; i++)
		share_give_list(i, most);
	ok(share_take_list(1, 2 * (size_t) SHARE_LISTS) == SHARE_OK,
	   "one may be as long as it is, alone");
	share_give_list(1, 2 * (size_t) SHARE_LISTS);
	ok(share_take_list(1, most) == SHARE_OK, "all is there again");
	share_give_list(1, most);
}

static long rounds;
static int	running[THREADS];	/* by account */
static int	chunks;

/* Each account is that of two threads, which together want twice what it may. */
static void *
take_and_give(void *arg)
{
	int64_t		account = (intptr_t) arg / 2;
	int			most = SHARE_PER_ACCOUNT;
	bool		good = true;

	for (long round = 0; round < rounds && good; round++)
	{
		int			taken = 0;

		for (int i = 0; i < most; i++)
		{
			if (share_take_download(account) == SHARE_OK)
			{
				taken++;
				good &= __atomic_add_fetch(&running[account], 1,
										   __ATOMIC_SEQ_CST) <= SHARE_PER_ACCOUNT;
			}
		}
		if (share_take_chunk())
		{
			good &= __atomic_add_fetch(&chunks, 1, __ATOMIC_SEQ_CST) <= SHARE_CHUNKS;
			__atomic_sub_fetch(&chunks, 1, __ATOMIC_SEQ_CST);
			share_give_chunk();
		}
		while (taken-- > 0)
		{
			__atomic_sub_fetch(&running[account], 1, __ATOMIC_SEQ_CST);
			share_give_download(account);
		}
	}
	return (void *) (intptr_t) good;
}

static void
test_threads(void)
{
	pthread_t	threads[THREADS];
	bool		good = true;

	for (intptr_t i = 0; i < THREADS; i++)
	{
		if (pthread_create(&threads[i], NULL, take_and_give, (void *) i) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++)
	{
		void	   *result;

		pthread_join(threads[i], &result);
		good &= result != NULL;
	}
	ok(good, "threads never have more than there are");
	test_downloads();
	test_chunks();
}

int
main(int argc, char **argv)
{
	tap = stdout;
	rounds = (argc > 1 ? atol(argv[1]) : 1000000) / 10;
	test_downloads();
	test_chunks();
	test_lists();
	test_threads();				/* afterwards all is there again */
	return done();
}
