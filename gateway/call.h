/*
 * call.h
 *	  Calls of the extension's functions, and what their errors are in HTTP.
 */
#ifndef CALL_H
#define CALL_H

#include "pool.h"
#include "session.h"

/* The one answer to whatever is wrong with a link. */
#define LINK_NOT_VALID	"the link is not valid"

/* One statement with its parameters. */
typedef struct Call
{
	Statement	statement;
	int			count;
	const char *values[STATEMENT_MAX_PARAMETERS];	/* NULL: null */
	int			lengths[STATEMENT_MAX_PARAMETERS];	/* > 0: binary */
	bool		binary;			/* the result's format */
} Call;

extern void call_begin(Call *call, Statement statement);
extern void call_add(Call *call, const char *value);
extern void call_add_bytes(Call *call, const unsigned char *bytes, int length);

/* Why a call did not succeed, as the client is to know it. */
typedef struct Failure
{
	int			status;			/* of HTTP */
	int			retry_after;	/* seconds; 0: no such header */
	char	   *message;		/* to be freed */
} Failure;

extern void failure_set(Failure *failure, int status, int retry_after,
						const char *message);

/*
 * Run count calls in one transaction and one round trip, in a session of the
 * pool.  Returns the last one's result, which the caller clears, once the
 * transaction is committed; NULL and *failure otherwise.  what stands in the
 * log for errors that are nobody's but ours.
 */
extern PGresult *call_run(Pool *pool, PoolUse use, const Call *calls, int count,
						  const char *what, Failure *failure);

#endif							/* CALL_H */
