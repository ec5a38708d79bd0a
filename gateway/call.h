/*
 * call.h
 *	  Calls of the extension's functions.
 */
#ifndef CALL_H
#define CALL_H

#include "failure.h"
#include "pool.h"
#include "session.h"

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

/* Whose calls they are, and from where they get their session. */
typedef struct Caller
{
	Pool	   *pool;
	PoolClient	client;
	const char *what;			/* in the log, for errors that are nobody's
								 * but ours */
} Caller;

/*
 * Run count calls in one transaction and one round trip, in a session of the
 * pool.  Returns the last one's result, which the caller clears, once the
 * transaction is committed; NULL and *failure otherwise.
 */
extern PGresult *call_run(const Caller *caller, const Call *calls, int count,
						  Failure *failure);

#endif							/* CALL_H */
