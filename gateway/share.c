/*
 * share.c
 *	  What replies share: how many downloads there are, memory for quick ones,
 *	  and memory for long lists.
 *
 * Invariant: downloads holds the account of every running download, and nothing
 * else, in its first download_count places; lists does so of long lists.
 */
#include "share.h"

#include <pthread.h>

static int64_t downloads[SHARE_DOWNLOADS];
static int	download_count;
static int	chunk_count;

typedef struct List
{
	int64_t		account;
	size_t		bytes;
} List;

static List lists[SHARE_LISTS / SHARE_LIST];
static int	list_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

ShareAnswer
share_take_download(int64_t account)
{
	ShareAnswer answer;
	int			own = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < download_count; i++)
		own += downloads[i] == account;
	if (own >= SHARE_PER_ACCOUNT)
		answer = SHARE_ACCOUNT_HAS_ENOUGH;
	else if (download_count >= SHARE_DOWNLOADS)
		answer = SHARE_ALL_TAKEN;
	else
	{
		answer = SHARE_OK;
		downloads[download_count++] = account;
	}
	pthread_mutex_unlock(&lock);
	return answer;
}

void
share_give_download(int64_t account)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < download_count; i++)
	{
		if (downloads[i] == account)
		{
			downloads[i] = downloads[--download_count];
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

int
share_downloads(void)
{
	int			result;

	pthread_mutex_lock(&lock);
	result = download_count;
	pthread_mutex_unlock(&lock);
	return result;
}

ShareAnswer
share_take_list(int64_t account, size_t bytes)
{
	ShareAnswer answer = SHARE_OK;
	size_t		own = bytes;
	size_t		all = bytes;

	if (bytes < SHARE_LIST)
		return SHARE_OK;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < list_count; i++)
	{
		all += lists[i].bytes;
		if (lists[i].account == account)
			own += lists[i].bytes;
	}
	/* one always may, however long it is */
	if (own > SHARE_LISTS_PER_ACCOUNT && own > bytes)
		answer = SHARE_ACCOUNT_HAS_ENOUGH;
	else if (all > SHARE_LISTS && all > bytes)
		answer = SHARE_ALL_TAKEN;
	else
		lists[list_count++] = (List)
	{
		.account = account,.bytes = bytes
	};
	pthread_mutex_unlock(&lock);
	return answer;
}

void
share_give_list(int64_t account, size_t bytes)
{
	if (bytes < SHARE_LIST)
		return;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < list_count; i++)
	{
		if (lists[i].account == account && lists[i].bytes == bytes)
		{
			lists[i] = lists[--list_count];
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

bool
share_take_chunk(void)
{
	bool		result;

	pthread_mutex_lock(&lock);
	result = chunk_count < SHARE_CHUNKS;
	chunk_count += result;
	pthread_mutex_unlock(&lock);
	return result;
}

void
share_give_chunk(void)
{
	pthread_mutex_lock(&lock);
	chunk_count--;
	pthread_mutex_unlock(&lock);
}
