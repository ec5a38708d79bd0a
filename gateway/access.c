/*
 * access.c
 *	  Who may: logins and links, and from which pool their sessions come.
 *
 * Invariant: a session of the pool "verified" is lent only to those whom the
 * database itself accepted within the last minute; all it is asked is in a
 * transaction that checks again.
 */
#include "access.h"

#include <stdlib.h>
#include <string.h>

#include "logins.h"
#include "text.h"

static const Field link_fields[] = {LINK_PARAMETERS(PARAMETER_AS_FIELD)};

#define LINK_FIELDS		(sizeof(link_fields) / sizeof(link_fields[0]))

static void
login_call(const Request *request, Call *call)
{
	const Credentials *credentials = &request->credentials;

	call_begin(call, credentials->claims == NULL ? STATEMENT_LOGIN :
			   STATEMENT_LOGIN_SIGNED);
	call_add(call, credentials->key);
	if (credentials->claims != NULL)
		call_add(call, credentials->claims);
	call_add_bytes(call, credentials->token_sha256, SHA256_SIZE);
}

static Caller
caller_of(const Request *request, Pool *pool, PoolUse use)
{
	return (Caller)
	{
		.pool = pool,.client =
		{
			.use = use,.account = request->account
		},
			.what = request->correlation_id
	};
}

/* Nobody, as far as can be seen without asking. */
static void
lack_credentials(Request *request, Failure *failure, const char *needed)
{
	request->refused = true;
	failure_set(failure, 401, 0, needed);
}

/* Show credentials that nobody has shown lately; guesses are counted. */
static PGresult *
show(Request *request, const Call *call, Failure *failure)
{
	Caller		caller = caller_of(request, request->pools->unverified, POOL_SHORT);
	int			wait = logins_try(&request->address);
	PGresult   *result;

	if (wait > 0)
	{
		failure_set(failure, 429, wait, "too many logins from this address have failed");
		request->refused = true;
		return NULL;
	}
	result = call_run(&caller, call, 1, failure);
	if (result != NULL || failure->status != 401)
		logins_succeeded(&request->address);
	request->refused = result == NULL && failure->status == 401;
	return result;
}

bool
access_login(Request *request, Failure *failure)
{
	Call		login;
	PGresult   *result;

	if (!request_credentials(request))
	{
		lack_credentials(request, failure,
						 "Authorization: Bearer and X-Subscription-Key are needed");
		return false;
	}
	request->account = verified_lately(request->credentials.digest);
	if (request->account != 0)
		return true;

	login_call(request, &login);
	result = show(request, &login, failure);
	if (result == NULL)
		return false;
	request->account = strtoll(PQgetvalue(result, 0, LOGIN_ACCOUNT), NULL, 10);
	verified_add(request->credentials.digest, request->account);
	PQclear(result);
	return true;
}

PGresult *
access_issue(Request *request, Failure *failure)
{
	const Credentials *credentials = &request->credentials;
	Call		call;

	if (!request_basic_credentials(request))
	{
		lack_credentials(request, failure,
						 "Authorization: Basic, with name and token, and X-Subscription-Key are needed");
		return NULL;
	}
	call_begin(&call, STATEMENT_ISSUE);
	call_add(&call, credentials->key);
	call_add(&call, credentials->name);
	call_add_bytes(&call, credentials->token_sha256, SHA256_SIZE);
	return show(request, &call, failure);
}

PGresult *
access_call(Request *request, PoolUse use, const Call *call, Failure *failure)
{
	Caller		caller = caller_of(request, request->pools->verified, use);
	Call		calls[2];
	PGresult   *result;

	login_call(request, &calls[0]);
	calls[1] = *call;
	result = call_run(&caller, calls, 2, failure);
	if (result == NULL && failure->status == 401)
		verified_forget(request->credentials.digest);
	return result;
}

void
access_link_call(const Request *request, Statement statement, Call *call)
{
	call_begin(call, statement);
	call_add(call, request->segments[1]);
	call_add(call, request->segments[2]);
	for (size_t i = 0; i < LINK_FIELDS; i++)
		call_add(call, request->fields[link_fields[i]].value);
}

/* Has the request all that a link has? */
static bool
is_link(const Request *request)
{
	for (size_t i = 0; i < LINK_FIELDS; i++)
	{
		const FieldValue *field = &request->fields[link_fields[i]];

		if (field->count != 1 || field->broken)
			return false;
	}
	return text_is_uuid(request->segments[1]);
}

PGresult *
access_redeem(Request *request, Failure *failure)
{
	unsigned char digest[VERIFIED_SIZE];
	const char *parts[3 + LINK_FIELDS] = {"link"};
	Call		call;
	Caller		caller;
	bool		known;
	PGresult   *result;

	access_link_call(request, STATEMENT_REDEEM, &call);
	memcpy(parts + 1, call.values, (2 + LINK_FIELDS) * sizeof(char *));
	if (!is_link(request))
	{
		failure_set(failure, 403, 0, LINK_NOT_VALID);
		request->refused = true;
		return NULL;
	}

	verified_digest(digest, parts, 3 + LINK_FIELDS);
	request->account = verified_lately(digest);
	known = request->account != 0;
	caller = caller_of(request, known ? request->pools->verified :
					   request->pools->unverified, POOL_SHORT);
	result = call_run(&caller, &call, 1, failure);
	if (result != NULL)
	{
		request->account = strtoll(PQgetvalue(result, 0, FILE_ACCOUNT), NULL, 10);
		verified_add(digest, request->account != 0 ? request->account : -1);
	}
	else
	{
		request->account = 0;
		request->refused = failure->status == 403;
		if (known && request->refused)
			verified_forget(digest);
	}
	return result;
}

PGresult *
access_call_by_link(Request *request, const Call *call, Failure *failure)
{
	Caller		caller = caller_of(request, request->pools->verified, POOL_SHORT);

	return call_run(&caller, call, 1, failure);
}
