/*
 * reports.c
 *	  /reports, /reports/{id} and /reports/{id}/manifest: what a login can list,
 *	  see and ask for.
 *
 * Invariant: nothing is answered, not even what is wrong with a request, before
 * its credentials were found valid.
 */
#include "reports.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "memory.h"
#include "reply.h"

#define MAX_IDEMPOTENCY_KEY 255

/* With what a submitted report's client comes again. */
#define SUBMITTED_RETRY_AFTER 5

static enum MHD_Result
reply_bad_parameter(Request *request, Field field, const char *what)
{
	enum MHD_Result result;
	char	   *message;

	if (asprintf(&message, "%s %s", request_field_name(field), what) < 0)
		abort();
	result = reply_error(request, MHD_HTTP_BAD_REQUEST, message);
	free(message);
	return result;
}

enum MHD_Result
reports_list(Request *request)
{
	static const Field parameters[] = {LIST_PARAMETERS(PARAMETER_AS_FIELD)};
	Call		call;
	Failure		failure;
	PGresult   *result;

	if (!access_login(request, &failure))
		return reply_failure(request, &failure);
	if (request_has_body(request))
		return reply_error(request, MHD_HTTP_BAD_REQUEST, "use POST to request a report");

	call_begin(&call, STATEMENT_LIST);
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
	{
		Field		field = parameters[i];
		const FieldValue *given = &request->fields[field];
		const char *value = given->value;

		if (given->count > 1)
			return reply_bad_parameter(request, field, "is given twice");
		if (given->broken)
			return reply_bad_parameter(request, field, "must not hold a NUL");
		if (value != NULL && (field == QUERY_FROM || field == QUERY_TO) &&
			!text_is_date(value))
			return reply_bad_parameter(request, field, "must be a day, written as 2019-11-05");
		if (field == QUERY_DETAIL)
		{
			if (value == NULL)
				value = "false";
			if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
				return reply_bad_parameter(request, field, "must be true or false");
		}
		call_add(&call, value);
	}
	if (request->fields[QUERY_AFTER].value == NULL &&
		(request->fields[QUERY_FROM].value == NULL ||
		 request->fields[QUERY_TO].value == NULL))
		return reply_error(request, MHD_HTTP_BAD_REQUEST,
						   "from and to are needed, or after");

	result = access_call(request, POOL_SHORT, &call, &failure);
	if (result == NULL)
		return reply_failure(request, &failure);
	return reply_json(request, result, MHD_HTTP_OK, 0);
}

/* What a statement says of the report in the path. */
static enum MHD_Result
reply_of_report(Request *request, Statement statement)
{
	Call		call;
	Failure		failure;
	PGresult   *result;

	if (!access_login(request, &failure))
		return reply_failure(request, &failure);
	if (!text_is_uuid(request->segments[1]))
		return reply_no_report(request);
	call_begin(&call, statement);
	call_add(&call, request->segments[1]);
	result = access_call(request, POOL_SHORT, &call, &failure);
	if (result == NULL)
		return reply_failure(request, &failure);
	return reply_json(request, result, MHD_HTTP_OK, 0);
}

enum MHD_Result
reports_get(Request *request)
{
	return reply_of_report(request, STATEMENT_GET);
}

enum MHD_Result
reports_manifest(Request *request)
{
	return reply_of_report(request, STATEMENT_MANIFEST);
}

enum MHD_Result
reports_request(Request *request)
{
	const FieldValue *key = &request->fields[HEADER_IDEMPOTENCY_KEY];
	Call		call;
	Failure		failure;
	PGresult   *result;
	const char *report_status;
	bool		pending;

	if (!access_login(request, &failure))
		return reply_failure(request, &failure);
	if (request->body_size > REQUEST_MAX_BODY)
		return reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE,
						   "the body is larger than 64 KiB");
	if (request->body != NULL && strlen(request->body) != request->body_size)
		return reply_error(request, MHD_HTTP_BAD_REQUEST, "the body holds a NUL");
	if (key->count > 1)
		return reply_bad_parameter(request, HEADER_IDEMPOTENCY_KEY, "is given twice");
	if (key->value != NULL &&
		!text_is_word(key->value, MAX_IDEMPOTENCY_KEY, "-._~:+/=\""))
		return reply_bad_parameter(request, HEADER_IDEMPOTENCY_KEY,
								   "must be 1 to 255 letters, digits or -._~:+/=\"");

	call_begin(&call, STATEMENT_REQUEST);
	call_add(&call, request->body == NULL ? "" : request->body);
	call_add(&call, key->value);
	result = access_call(request, POOL_LONG, &call, &failure);
	if (result == NULL)
		return reply_failure(request, &failure);
	report_status = PQgetvalue(result, 0, REQUEST_STATUS);
	pending = strcmp(report_status, "submitted") == 0 ||
		strcmp(report_status, "processing") == 0;
	return reply_json(request, result,
					  pending ? MHD_HTTP_ACCEPTED : MHD_HTTP_OK,
					  pending ? SUBMITTED_RETRY_AFTER : 0);
}
