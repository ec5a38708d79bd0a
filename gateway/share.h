/*
 * share.h
 *	  What replies share: how many downloads there are, memory for quick ones,
 *	  and memory for long lists.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Downloads at once, of one account and of all. */
#define SHARE_PER_ACCOUNT	4
#define SHARE_DOWNLOADS		256

/* How many downloads at once may hold a whole chunk in memory. */
#define SHARE_CHUNKS		16

/*
 * Bytes of lists on their way, of one account and of all; those of one reply
 * count from SHARE_LIST on.
 */
#define SHARE_LIST			(64 * 1024)
#define SHARE_LISTS_PER_ACCOUNT (8 * 1024 * 1024)
#define SHARE_LISTS			(32 * 1024 * 1024)

typedef enum ShareAnswer
{
	SHARE_OK,
	SHARE_ACCOUNT_HAS_ENOUGH,
	SHARE_ALL_TAKEN
} ShareAnswer;

extern ShareAnswer share_take_download(int64_t account);
extern void share_give_download(int64_t account);

/* How many there are. */
extern int	share_downloads(void);

extern ShareAnswer share_take_list(int64_t account, size_t bytes);
extern void share_give_list(int64_t account, size_t bytes);

extern bool share_take_chunk(void);
extern void share_give_chunk(void);

#endif							/* SHARE_H */
