/*
 * api.c
 *	  What a login can list, see, ask for and change: one call of the database.
 *
 * Invariant: nothing is answered, not even what is wrong with a request, before
 * its credentials were found valid.
 */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "memory.h"
#include "reply.h"
#include "routes.h"

#define MAX_IDEMPOTENCY_KEY 255

/* With what a submitted report's client comes again. */
#define SUBMITTED_RETRY_AFTER 5

static bool
refuse(Failure *failure, int status, const char *field, const char *what)
{
	char	   *message;

	if (asprintf(&message, "%s%s%s", field == NULL ? "" : field,
				 field == NULL ? "" : " ", what) < 0)
		abort();
	failure_set(failure, status, 0, message);
	failure->field = field == NULL ? NULL : memory_copy(field);
	free(message);
	return false;
}

/* A parameter of the path: what is no UUID names nothing that is there. */
static bool
take_segment(const Request *request, int segment, Oid type, const char **value,
			 Failure *failure)
{
	bool		report = strcmp(request->segments[0], "reports") == 0;

	*value = request->segments[segment];
	if (type != UUIDOID || text_is_uuid(*value))
		return true;
	return refuse(failure, 404, NULL, report ? "there is no such report" :
				  "there is no such generator");
}

static bool
take_body(const Request *request, const char **value, Failure *failure)
{
	*value = request->body == NULL ? "" : request->body;
	if (request->body_size > REQUEST_MAX_BODY)
		return refuse(failure, 413, NULL, "the body is larger than 64 KiB");
	if (strlen(*value) != request->body_size)
		return refuse(failure, 400, NULL, "the body holds a NUL");
	return true;
}

/* As the type of its parameter has it; NULL: that is well. */
static const char *
what_is_wrong(Field field, Oid type, const char *value)
{
	if (field == HEADER_IDEMPOTENCY_KEY &&
		!text_is_word(value, MAX_IDEMPOTENCY_KEY, "-._~:+/=\""))
		return "must be 1 to 255 letters, digits or -._~:+/=\"";
	if (type == DATEOID && !text_is_date(value))
		return "must be a day, written as 2019-11-05";
	if (type == BOOLOID && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return "must be true or false";
	if (type == UUIDOID && !text_is_uuid(value))
		return "must be an id, written as 661e09fb-4b13-4f5c-9f0c-3d3dcb3a1c11";
	if (type == INT8OID && (!text_is_word(value, 18, "") ||
							strspn(value, "0123456789") != strlen(value)))
		return "must be a number";
	return NULL;
}

static bool
take_field(const Request *request, Field field, Oid type, const char **value,
		   Failure *failure)
{
	const FieldValue *given = &request->fields[field];
	const char *name = request_field_name(field);
	const char *wrong;

	*value = given->value;
	if (given->count > 1)
		return refuse(failure, 400, name, "is given twice");
	if (given->broken)
		return refuse(failure, 400, name, "must not hold a NUL");
	if (*value == NULL)
		return true;
	wrong = what_is_wrong(field, type, *value);
	return wrong == NULL || refuse(failure, 400, name, wrong);
}

/* The statement's parameters, each from where the route says. */
static bool
take_parameters(Request *request, Call *call, Failure *failure)
{
	const Route *route = request->route;
	const Oid  *types = statement_types(route->statement);
	const char *value;

	for (int i = 0; i < STATEMENT_MAX_PARAMETERS && route->sources[i] != 0; i++)
	{
		int			source = route->sources[i];
		bool		taken;

		if (source == REQUEST_BODY)
			taken = take_body(request, &value, failure);
		else if (source >= SEGMENT_1)
			taken = take_segment(request, source - SEGMENT_1 + 1, types[i], &value, failure);
		else
			taken = take_field(request, source, types[i], &value, failure);
		if (!taken)
			return false;
		call_add(call, value);
	}
	return true;
}

/* A body that nothing here reads; {} is what some clients send with any POST. */
static bool
has_pointless_body(const Request *request)
{
	return request->route->no_body != NULL && request_has_body(request) &&
		(request->body == NULL ||
		 strspn(request->body, "{} \t\r\n") != request->body_size);
}

static bool
ask(Request *request, Failure *failure, PGresult **result)
{
	const Route *route = request->route;
	Call		call;

	if (!access_login(request, failure))
		return false;
	if (has_pointless_body(request))
		return refuse(failure, 400, NULL, route->no_body);
	call_begin(&call, route->statement);
	if (!take_parameters(request, &call, failure))
		return false;
	if (route->check != NULL && !route->check(request, failure))
		return false;
	*result = access_call(request, route->use, &call, failure);
	return *result != NULL;
}

static bool
is_pending(const PGresult *result)
{
	const char *status = PQgetvalue(result, 0, RESOURCE_STATUS);

	return strcmp(status, "submitted") == 0 || strcmp(status, "processing") == 0;
}

enum MHD_Result
api_answer(Request *request)
{
	const Route *route = request->route;
	Failure		failure = {0};
	PGresult   *result = NULL;
	Success		success = {.status = route->status == 0 ? 200 : route->status};

	if (!ask(request, &failure, &result))
		return reply_failure(request, &failure);
	if (route->may_wait && is_pending(result))
		success.status = 202;
	if (success.status == 202)
		success.retry_after = SUBMITTED_RETRY_AFTER;
	/* an answer that is repeated may be of before there was one */
	if (route->tells_version && !PQgetisnull(result, 0, RESOURCE_VERSION))
		success.version = PQgetvalue(result, 0, RESOURCE_VERSION);
	return reply_json(request, result, &success);
}

enum MHD_Result
api_issue(Request *request)
{
	static const Success success = {.status = 200};
	Failure		failure = {0};
	PGresult   *result = access_issue(request, &failure);

	return result == NULL ? reply_failure(request, &failure) :
		reply_json(request, result, &success);
}

bool
api_check_days(const Request *request, Failure *failure)
{
	static const Field others[] = {QUERY_AFTER, QUERY_STATUS, QUERY_NAME, QUERY_TYPE};
	Field		missing = QUERY_FROM;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		if (request->fields[others[i]].value != NULL)
			return true;
	}
	if (request->fields[QUERY_FROM].value != NULL)
	{
		if (request->fields[QUERY_TO].value != NULL)
			return true;
		missing = QUERY_TO;
	}
	failure_set(failure, 400, 0, "from and to are needed, or after");
	failure->field = memory_copy(request_field_name(missing));
	return false;
}
