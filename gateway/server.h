/*
 * server.h
 *	  The HTTP side: connections, requests, and who answers which.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>

#include "request.h"

/*
 * Serve the listening socket; false if that cannot be.  Behind a proxy, clients
 * are told apart by what it says of them.
 */
extern bool server_start(int listener, const Pools *pools, bool behind_proxy);

/* No new connections; the replies from now on end theirs. */
extern void server_begin_stop(void);

/* Requests being answered. */
extern int	server_active(void);

/* Close all connections. */
extern void server_stop(void);

#endif							/* SERVER_H */
