/*
 * verified.h
 *	  Who has shown valid credentials lately.
 *
 * A hint which pool a request is to use, and no more: whatever it says, the
 * database checks the credentials in each transaction.
 */
#ifndef VERIFIED_H
#define VERIFIED_H

#include <stdint.h>

#define VERIFIED_SIZE	32		/* a SHA-256 of what was shown */

/*
 * The digest of count strings, of which NULL is one too, each with its length
 * so that they cannot run together.
 */
extern void verified_digest(unsigned char digest[VERIFIED_SIZE],
							const char *const *parts, int count);

/* The account of what was shown, or 0 if it is not known. */
extern int64_t verified_lately(const unsigned char digest[VERIFIED_SIZE]);
extern void verified_add(const unsigned char digest[VERIFIED_SIZE], int64_t account);
extern void verified_forget(const unsigned char digest[VERIFIED_SIZE]);

#endif							/* VERIFIED_H */
