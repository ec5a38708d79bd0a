/*
 * reply.c
 *	  Replies: a body of JSON, or an error.
 *
 * Invariant: every reply this gateway makes goes through reply_send().
 */
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cors.h"
#include "guard.h"
#include "log.h"
#include "memory.h"
#include "share.h"

static bool stopping = false;

void
reply_begin_stop(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
}

void
reply_header(struct MHD_Response *response, const char *name,
			 const char *format,...)
{
	va_list		args;
	char	   *value;

	va_start(args, format);
	if (vasprintf(&value, format, args) < 0)
		abort();
	va_end(args);
	if (MHD_add_response_header(response, name, value) != MHD_YES)
		log_message(LOG_ERROR, "header %s cannot be sent", name);
	free(value);
}

enum MHD_Result
reply_send(Request *request, struct MHD_Response *response, int status,
		   uint64_t bytes)
{
	enum MHD_Result result;

	reply_header(response, "X-Correlation-ID", "%s", request->correlation_id);
	reply_header(response, "X-Content-Type-Options", "nosniff");
	reply_header(response, "Referrer-Policy", "no-referrer");
	cors_headers(request, response);
	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		reply_header(response, "Connection", "close");

	request->status = status;
	request->reply_bytes = request_is(request, "HEAD") ||
		status == MHD_HTTP_NOT_MODIFIED ? 0 : bytes;
	guard_expect(request->guard, GUARD_REPLY);
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

_Static_assert((int) RESOURCE_JSON == (int) BODY_JSON,
			   "whatever was asked, its body is in the same column");

/* A result that is being sent. */
typedef struct Body
{
	PGresult   *result;
	int64_t		account;
	size_t		size;
} Body;

static void
free_body(void *arg)
{
	Body	   *body = arg;

	share_give_list(body->account, body->size);
	PQclear(body->result);
	free(body);
}

static enum MHD_Result
reply_no_room(Request *request, ShareAnswer answer)
{
	Failure		failure;

	if (answer == SHARE_ACCOUNT_HAS_ENOUGH)
		failure_set(&failure, 429, 5,
					"this account has as many lists on their way as it may have at once");
	else
		failure_set(&failure, 503, 5, "there are too many lists on their way just now");
	return reply_failure(request, &failure);
}

enum MHD_Result
reply_json(Request *request, PGresult *result, const Success *success)
{
	size_t		size = PQgetlength(result, 0, BODY_JSON);
	ShareAnswer answer = share_take_list(request->account, size);
	struct MHD_Response *response;
	Body	   *body;

	if (answer != SHARE_OK)
	{
		PQclear(result);
		return reply_no_room(request, answer);
	}
	body = memory_get(sizeof(Body));
	body->result = result;
	body->account = request->account;
	body->size = size;
	response = MHD_create_response_from_buffer_with_free_callback_cls(size,
																	  PQgetvalue(result, 0, BODY_JSON),
																	  free_body, body);
	if (response == NULL)
	{
		free_body(body);
		return MHD_NO;
	}
	if (success->status != MHD_HTTP_NO_CONTENT)
		reply_header(response, "Content-Type", "application/json; charset=utf-8");
	/* it holds links */
	reply_header(response, "Cache-Control", "private, no-store");
	if (success->version != NULL)
		reply_header(response, "ETag", "\"%s\"", success->version);
	if (success->retry_after > 0)
		reply_header(response, "Retry-After", "%d", success->retry_after);
	return reply_send(request, response, success->status, size);
}

static struct MHD_Response *
error_body(Request *request, const Failure *failure, const char *link)
{
	char	   *body;
	size_t		size;
	FILE	   *out = open_memstream(&body, &size);
	char		now[TEXT_TIME_SIZE];
	struct MHD_Response *response;

	if (out == NULL)
		abort();
	text_time(now);
	fprintf(out, "{\"timeStamp\":\"%s\",\"status\":%d,\"code\":\"%s\"", now, failure->status,
			failure->code);
	if (failure->field != NULL)
	{
		fputs(",\"field\":", out);
		text_put_json(out, failure->field);
	}
	fputs(",\"message\":", out);
	text_put_json(out, failure->message);
	fputs(",\"path\":", out);
	text_put_json(out, request->path);
	fprintf(out, ",\"correlationId\":\"%s\"", request->correlation_id);
	if (link != NULL)
	{
		fputs(",\"downloadUrl\":", out);
		text_put_json(out, link);
	}
	putc('}', out);
	if (fclose(out) != 0)
		abort();
	response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		abort();
	request->reply_bytes = size;
	reply_header(response, "Content-Type", "application/json; charset=utf-8");
	reply_header(response, "Cache-Control", "private, no-store");
	return response;
}

struct MHD_Response *
reply_error_body(Request *request, int status, const char *message)
{
	const Failure failure = {
		.status = status,.code = failure_code(status),.message = (char *) message
	};

	return error_body(request, &failure, NULL);
}

enum MHD_Result
reply_elsewhere(Request *request, const char *link)
{
	const Failure failure = {
		.status = MHD_HTTP_CONFLICT,.code = failure_code(MHD_HTTP_CONFLICT),
		.message = (char *) "the file is at downloadUrl, which needs no token"
	};
	struct MHD_Response *response = error_body(request, &failure, link);

	return reply_send(request, response, MHD_HTTP_CONFLICT, request->reply_bytes);
}

enum MHD_Result
reply_error(Request *request, int status, const char *message)
{
	struct MHD_Response *response = reply_error_body(request, status, message);

	if (status == MHD_HTTP_UNAUTHORIZED)
		reply_header(response, "WWW-Authenticate", "Bearer");
	return reply_send(request, response, status, request->reply_bytes);
}

enum MHD_Result
reply_error_and_close(Request *request, int status, const char *message)
{
	struct MHD_Response *response = reply_error_body(request, status, message);

	reply_header(response, "Connection", "close");
	return reply_send(request, response, status, request->reply_bytes);
}

enum MHD_Result
reply_failure(Request *request, Failure *failure)
{
	struct MHD_Response *response = error_body(request, failure, NULL);

	failure_clear(failure);
	if (failure->status == MHD_HTTP_UNAUTHORIZED)
		reply_header(response, "WWW-Authenticate", "Bearer");
	if (failure->retry_after > 0)
		reply_header(response, "Retry-After", "%d", failure->retry_after);
	return reply_send(request, response, failure->status, request->reply_bytes);
}

enum MHD_Result
reply_no_report(Request *request)
{
	return reply_error(request, MHD_HTTP_NOT_FOUND, "there is no such report");
}

enum MHD_Result
reply_method_not_allowed(Request *request, const char *allowed)
{
	struct MHD_Response *response = reply_error_body(request, MHD_HTTP_METHOD_NOT_ALLOWED,
													 "method is not allowed here");

	reply_header(response, "Allow", "%s", allowed);
	return reply_send(request, response, MHD_HTTP_METHOD_NOT_ALLOWED,
					  request->reply_bytes);
}
