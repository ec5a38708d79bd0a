/*
 * access.h
 *	  Who may: logins and links, and from which pool their sessions come.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "request.h"

/*
 * Is the client somebody?  Without well-formed credentials the database is not
 * asked; those that were valid lately are not asked for again, for each
 * transaction logs in anyway.  Sets request->account.
 */
extern bool access_login(Request *request, Failure *failure);

/* A signed token for one that comes by HTTP Basic, or NULL. */
extern PGresult *access_issue(Request *request, Failure *failure);

/* Log in and call, in one transaction.  As call_run(). */
extern PGresult *access_call(Request *request, PoolUse use, const Call *call,
							 Failure *failure);

/*
 * Redeem the link in the request's path and query: the row of its report.
 */
extern PGresult *access_redeem(Request *request, Failure *failure);

/* Begin a call that redeems it again, with nothing but the link's parameters. */
extern void access_link_call(const Request *request, Statement statement, Call *call);


/* Make such a call, once the link was redeemed. */
extern PGresult *access_call_by_link(Request *request, const Call *call,
									 Failure *failure);

#endif							/* ACCESS_H */
