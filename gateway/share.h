/*
 * share.h
 *	  What downloads share: how many there are, and memory for quick ones.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Downloads at once, of one account and of all. */
#define SHARE_PER_ACCOUNT	4
#define SHARE_DOWNLOADS		256

/* How many downloads at once may hold a whole chunk in memory. */
#define SHARE_CHUNKS		16

typedef enum ShareAnswer
{
	SHARE_OK,
	SHARE_ACCOUNT_HAS_ENOUGH,
	SHARE_ALL_TAKEN
} ShareAnswer;

extern ShareAnswer share_take_download(int64_t account);
extern void share_give_download(int64_t account);

extern bool share_take_chunk(void);
extern void share_give_chunk(void);

#endif							/* SHARE_H */
