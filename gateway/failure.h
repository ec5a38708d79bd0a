/*
 * failure.h
 *	  Why a request did not succeed, as its client is to know it.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include <stdbool.h>

#include <libpq-fe.h>

#include "session.h"

/* The one answer to whatever is wrong with a link. */
#define LINK_NOT_VALID	"the link is not valid"

typedef struct Failure
{
	int			status;			/* of HTTP */
	int			retry_after;	/* seconds; 0: no such header */
	const char *code;			/* in a word, for programs; constant */
	char	   *field;			/* of the request, that it is about; to be
								 * freed, NULL: none in particular */
	char	   *message;		/* to be freed */
} Failure;

/* The gateway's own; its code is that of the status. */
extern void failure_set(Failure *failure, int status, int retry_after,
						const char *message);
extern const char *failure_code(int status);
extern void failure_clear(Failure *failure);

/*
 * An error of the database, or NULL where there is none for the connection was
 * lost.  What is nobody's but ours is logged, with what in front.
 */
extern void failure_set_error(Failure *failure, const PGconn *conn,
							  const PGresult *error, Statement statement,
							  const char *what);

/* Is the session no good any more, though the connection is? */
extern bool failure_ends_session(const PGresult *error, Statement statement);

#endif							/* FAILURE_H */
