/*
 * logins.h
 *	  Failed logins of each address: how many there may be, and how many of them, and
 *	  of links that open nothing, have a line in the log.
 */
#ifndef LOGINS_H
#define LOGINS_H

#include <stdbool.h>

#include "address.h"

/*
 * May one more be tried?  It counts as failed until logins_succeeded().  0, or
 * the seconds until there may be another.
 */
extern int	logins_try(const Address *address);

/* It did not fail, or nobody knows whether it did. */
extern void logins_succeeded(const Address *address);

/* A failed login or a link that opens nothing is to be logged: with a line of its own, or only in sum? */
extern bool logins_has_line(const Address *address);

/* Log sums that are due, or all.  To be called once a second. */
extern void logins_sweep(bool all);

#endif							/* LOGINS_H */
