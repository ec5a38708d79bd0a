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

#include "text.h"

#define LINK_FIELDS		(QUERY_SIG - QUERY_SV + 1)

static void
login_call(const Request *request, Call *call)
{
	const Credentials *credentials = &request->credentials;

	call_begin(call, STATEMENT_LOGIN);
	call_add(call, credentials->key);
	call_add_bytes(call, credentials->token_sha256, SHA256_SIZE);
}

bool
access_login(Request *request, Failure *failure)
{
	Call		login;
	PGresult   *result;

	if (!request_credentials(request))
	{
		failure_set(failure, 401, 0,
					"Authorization: Bearer and X-Subscription-Key are needed");
		return false;
	}
	request->account = verified_lately(request->credentials.digest);
	if (request->account != 0)
		return true;

	login_call(request, &login);
	result = call_run(request->pools->unverified, POOL_SHORT, &login, 1,
					  request->correlation_id, failure);
	if (result == NULL)
		return false;
	request->account = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	verified_add(request->credentials.digest, request->account);
	PQclear(result);
	return true;
}

PGresult *
access_call(Request *request, PoolUse use, const Call *call, Failure *failure)
{
	Call		calls[2];
	PGresult   *result;

	login_call(request, &calls[0]);
	calls[1] = *call;
	result = call_run(request->pools->verified, use, calls, 2,
					  request->correlation_id, failure);
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
	for (int i = 0; i < LINK_FIELDS; i++)
		call_add(call, request->fields[QUERY_SV + i].value);
}

PGresult *
access_redeem(Request *request, Failure *failure)
{
	unsigned char digest[VERIFIED_SIZE];
	const char *parts[3 + LINK_FIELDS] = {"link"};
	Call		call;
	bool		known;
	PGresult   *result;

	access_link_call(request, STATEMENT_REDEEM, &call);
	memcpy(parts + 1, call.values, (2 + LINK_FIELDS) * sizeof(char *));
	for (int i = 0; i < LINK_FIELDS; i++)
	{
		const FieldValue *field = &request->fields[QUERY_SV + i];

		if (field->count != 1 || field->broken)
		{
			failure_set(failure, 403, 0, LINK_NOT_VALID);
			return NULL;
		}
	}
	if (!text_is_uuid(request->segments[1]))
	{
		failure_set(failure, 403, 0, LINK_NOT_VALID);
		return NULL;
	}

	verified_digest(digest, parts, 3 + LINK_FIELDS);
	known = verified_lately(digest) != 0;
	result = call_run(known ? request->pools->verified : request->pools->unverified,
					  POOL_SHORT, &call, 1, request->correlation_id, failure);
	if (result != NULL)
	{
		request->account = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		verified_add(digest, request->account != 0 ? request->account : -1);
	}
	else if (known && failure->status < 500)
		verified_forget(digest);
	return result;
}
