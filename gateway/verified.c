/*
 * verified.c
 *	  Who has shown valid credentials lately.
 *
 * Invariant: only what the database accepted gets in, so those whom it refuses
 * cannot push out anybody.
 */
#include "verified.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "clock.h"
#include "log.h"

#define LIFETIME		60		/* seconds */
#define ROWS			1024	/* a power of 2 */
#define WAYS			4

typedef struct Entry
{
	unsigned char digest[VERIFIED_SIZE];
	int64_t		account;
	time_t		until;			/* 0: free */
} Entry;

static Entry entries[ROWS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
verified_digest(unsigned char digest[VERIFIED_SIZE], const char *const *parts,
				int count)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool		good = context != NULL &&
	EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

	for (int i = 0; good && i < count; i++)
	{
		uint64_t	length = parts[i] == NULL ? UINT64_MAX : strlen(parts[i]);

		good = EVP_DigestUpdate(context, &length, sizeof(length)) == 1 &&
			(parts[i] == NULL || EVP_DigestUpdate(context, parts[i], length) == 1);
	}
	if (!good || EVP_DigestFinal_ex(context, digest, NULL) != 1)
	{
		log_message(LOG_ERROR, "SHA-256 is not to be had");
		abort();
	}
	EVP_MD_CTX_free(context);
}

static Entry *
row_of(const unsigned char *digest)
{
	return entries[(digest[0] | digest[1] << 8) & (ROWS - 1)];
}

/* The entry of the digest in its row, or NULL. */
static Entry *
find(const unsigned char *digest)
{
	Entry	   *row = row_of(digest);

	for (int i = 0; i < WAYS; i++)
	{
		if (row[i].until != 0 &&
			memcmp(row[i].digest, digest, VERIFIED_SIZE) == 0)
			return &row[i];
	}
	return NULL;
}

int64_t
verified_lately(const unsigned char digest[VERIFIED_SIZE])
{
	Entry	   *entry;
	int64_t		account = 0;

	pthread_mutex_lock(&lock);
	entry = find(digest);
	if (entry != NULL && entry->until > clock_seconds())
		account = entry->account;
	pthread_mutex_unlock(&lock);
	return account;
}

void
verified_add(const unsigned char digest[VERIFIED_SIZE], int64_t account)
{
	Entry	   *entry;

	pthread_mutex_lock(&lock);
	entry = find(digest);
	if (entry == NULL)
	{
		/* the one that ends first */
		entry = row_of(digest);
		for (int i = 1; i < WAYS; i++)
		{
			if (row_of(digest)[i].until < entry->until)
				entry = &row_of(digest)[i];
		}
		memcpy(entry->digest, digest, VERIFIED_SIZE);
	}
	entry->account = account;
	entry->until = clock_seconds() + LIFETIME;
	pthread_mutex_unlock(&lock);
}

void
verified_forget(const unsigned char digest[VERIFIED_SIZE])
{
	Entry	   *entry;

	pthread_mutex_lock(&lock);
	entry = find(digest);
	if (entry != NULL)
		entry->until = 0;
	pthread_mutex_unlock(&lock);
}
