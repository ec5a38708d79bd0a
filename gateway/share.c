/*
 * share.c
 *	  What downloads share: how many there are, and memory for quick ones.
 *
 * Invariant: downloads holds the account of every running download, and nothing
 * else, in its first download_count places.
 */
#include "share.h"

#include <pthread.h>

static int64_t downloads[SHARE_DOWNLOADS];
static int	download_count;
static int	chunk_count;
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
