/*
 * session.h
 *	  One connection to the database, ready for the gateway's statements.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "statement.h"

/* What may be the matter when prepared statements come and go (42P05, 26000). */
#define SESSION_POOLING \
	"a pooler between here and there must pool sessions, not transactions (pgbouncer: pool_mode = session)"

/*
 * Connect, find the extension, prepare the statements and enter pipeline mode,
 * until then by clock_ms().  NULL on failure, with the reason in *error, which
 * the caller frees.
 */
extern PGconn *session_open(const char *conninfo, int64_t until, char **error);

/* Can an idle session still be used, as far as this end knows? */
extern bool session_is_alive(PGconn *conn);

#endif							/* SESSION_H */
