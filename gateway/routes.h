/*
 * routes.h
 *	  Which requests there are, and who answers them.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "request.h"

/*
 * Where a statement's parameter is from: a Field of the request, or one of
 * these.  A list of sources ends with 0, for no statement takes what
 * Authorization says.
 */
enum
{
	SEGMENT_1 = FIELD_COUNT,	/* of the path, the one behind the first slash
								 * is 0 */
	SEGMENT_2,
	SEGMENT_3,
	REQUEST_BODY
};

typedef struct Route
{
	const char *method;			/* GET answers HEAD, too */
	const char *pattern;		/* "/reports/{id}": what is in braces is any */
	enum MHD_Result (*answer) (Request *request);
	bool		takes_body;

	/* for api_answer() */
	Statement	statement;
	short		sources[STATEMENT_MAX_PARAMETERS];
	PoolUse		use;
	int			status;			/* of success; 0: 200 */
	bool		may_wait;		/* 202 while its report is not built */
	bool		tells_version;	/* by an ETag */
	const char *no_body;		/* what is said to a request that has one */
	/* Is something wrong with the request beyond its single fields?  Or NULL */
	bool		(*check) (const Request *request, Failure *failure);
} Route;

/*
 * The route of a request; NULL if its path is none, or not for its method: then
 * *allowed is what its path is for, to be freed, or NULL.
 */
extern const Route *routes_find(const Request *request, char **allowed);

/*
 * Routes have numbers from 0 on; that of NULL is how many there are.  The route
 * of a number, NULL again for that one.
 */
extern int	routes_number(const Route *route);
extern const Route *routes_at(int number);

#endif							/* ROUTES_H */
