/*
 * logins.c
 *	  Failed logins of each address: how many there may be, and how many of them, and
 *	  of links that open nothing, have a line in the log.
 *
 * Invariant: memory is fixed.  Who comes from more addresses than there is room
 * for makes others forgotten, but the log counts what was not logged.
 */
#include "logins.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "clock.h"
#include "log.h"

/* So many at once, and then one for each second that goes by. */
#define BURST			60

/* Of an address within a minute, so many have lines of their own. */
#define LINES			3
#define LINES_SECONDS	60

#define ROWS			256		/* a power of 2 */
#define WAYS			4

typedef struct Entry
{
	Address		address;
	time_t		used;			/* 0: free */
	int			failed;			/* as of used; one less each second */
	int			lines;			/* since lines_from */
	int			unlogged;
	time_t		lines_from;
} Entry;

static Entry entries[ROWS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
log_sum(Entry *entry)
{
	char		text[ADDRESS_TEXT_SIZE];

	if (entry->unlogged > 0)
	{
		address_text(text, &entry->address);
		log_message(LOG_INFO, "%d failed logins or links from %s have no line of their own",
					entry->unlogged, text);
	}
	entry->unlogged = 0;
	entry->lines = 0;
}

static Entry *
row_of(const Address *address)
{
	uint32_t	hash = 2166136261u;

	for (size_t i = 0; i < sizeof(address->bytes); i++)
		hash = (hash ^ address->bytes[i]) * 16777619u;
	return entries[(hash ^ hash >> 16) & (ROWS - 1)];
}

/* The address's entry, brought up to now; a new one in place of the oldest. */
static Entry *
find(const Address *address)
{
	time_t		now = clock_seconds();
	Entry	   *row = row_of(address);
	Entry	   *entry = &row[0];

	for (int i = 0; i < WAYS; i++)
	{
		if (row[i].used != 0 && address_equal(&row[i].address, address))
		{
			entry = &row[i];
			break;
		}
		if (row[i].used < entry->used)
			entry = &row[i];
	}
	if (entry->used == 0 || !address_equal(&entry->address, address))
	{
		log_sum(entry);
		memset(entry, 0, sizeof(Entry));
		entry->address = *address;
		entry->used = now;
		entry->lines_from = now;
	}
	entry->failed = entry->failed > now - entry->used ?
		entry->failed - (now - entry->used) : 0;
	entry->used = now;
	return entry;
}

int
logins_try(const Address *address)
{
	Entry	   *entry;
	int			wait;

	pthread_mutex_lock(&lock);
	entry = find(address);
	wait = entry->failed < BURST ? 0 : entry->failed - BURST + 1;
	if (wait == 0)
		entry->failed++;
	pthread_mutex_unlock(&lock);
	return wait;
}

void
logins_succeeded(const Address *address)
{
	Entry	   *entry;

	pthread_mutex_lock(&lock);
	entry = find(address);
	if (entry->failed > 0)
		entry->failed--;
	pthread_mutex_unlock(&lock);
}

bool
logins_has_line(const Address *address)
{
	Entry	   *entry;
	bool		result;

	pthread_mutex_lock(&lock);
	entry = find(address);
	result = entry->lines < LINES;
	if (result)
		entry->lines++;
	else
		entry->unlogged++;
	pthread_mutex_unlock(&lock);
	return result;
}

void
logins_sweep(bool all)
{
	time_t		now = clock_seconds();

	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROWS * WAYS; i++)
	{
		Entry	   *entry = &entries[i / WAYS][i % WAYS];

		if (entry->used == 0 ||
			(!all && now - entry->lines_from < LINES_SECONDS))
			continue;
		log_sum(entry);
		entry->lines_from = now;
	}
	pthread_mutex_unlock(&lock);
}
