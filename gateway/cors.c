/*
 * cors.c
 *	  Pages of other origins.
 *
 * Invariant: without --allow-origin no reply says anything of origins; with it, only
 * those that were named are let, each by itself, and never with cookies.
 */
#include "cors.h"

#include <string.h>

#include "reply.h"

#define MAX_ORIGINS		64

static const char *origins[MAX_ORIGINS];
static int	origin_count = 0;

bool
cors_allow(const char *origin)
{
	const char *host = strstr(origin, "://");

	if (host == NULL || host[3] == '\0' || strcspn(host + 3, "/?#@") != strlen(host + 3) ||
		!text_is_word(origin, 255, "-._:/[]") || origin_count == MAX_ORIGINS)
		return false;
	origins[origin_count++] = origin;
	return true;
}

/* The request's origin, if it is one that is let; else NULL. */
static const char *
let_origin(const Request *request)
{
	const FieldValue *origin = &request->fields[HEADER_ORIGIN];

	if (origin->count != 1 || origin->broken)
		return NULL;
	for (int i = 0; i < origin_count; i++)
	{
		if (strcmp(origins[i], origin->value) == 0)
			return origins[i];
	}
	return NULL;
}

bool
cors_is_preflight(const Request *request)
{
	return request_is(request, "OPTIONS") && let_origin(request) != NULL;
}

enum MHD_Result
cors_preflight(Request *request, const char *methods)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *) "",
																	MHD_RESPMEM_PERSISTENT);

	if (response == NULL)
		return MHD_NO;
	reply_header(response, "Access-Control-Allow-Methods", "%s", methods);
	reply_header(response, "Access-Control-Allow-Headers",
				 "Authorization, X-Subscription-Key, X-Correlation-ID, Content-Type, "
				 "Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Range");
	reply_header(response, "Access-Control-Max-Age", "600");
	return reply_send(request, response, MHD_HTTP_NO_CONTENT, 0);
}

void
cors_headers(const Request *request, struct MHD_Response *response)
{
	const char *origin = let_origin(request);

	if (origin_count == 0)
		return;
	reply_header(response, "Vary", "Origin");
	if (origin == NULL)
		return;
	reply_header(response, "Access-Control-Allow-Origin", "%s", origin);
	reply_header(response, "Access-Control-Expose-Headers",
				 "Content-Disposition, ETag, Repr-Digest, Retry-After, X-Correlation-ID, X-RDE-Rows");
}
