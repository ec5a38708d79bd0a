/*
 * routes.c
 *	  Which requests there are, and who answers them.
 *
 * Invariant: openapi.json describes these routes, but for the panel, and no
 * others; a test compares them.  Of patterns that fit a path the first one counts, and all routes of a
 * pattern stand together.
 */
#include "routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "download.h"
#include "embedded.h"
#include "events.h"
#include "health.h"

#define NO_BODY	"this request has no body"

static const Route routes[] = {
	{
		.method = "GET",.pattern = "/reports",.answer = api_answer,
		.statement = STATEMENT_LIST,
		.sources = {LIST_PARAMETERS(PARAMETER_AS_SOURCE)},
		.no_body = "use POST to request a report",
		.check = api_check_days
	},
	{
		.method = "POST",.pattern = "/reports",.answer = api_answer,.takes_body = true,
		.statement = STATEMENT_REQUEST,
		.sources = {REQUEST_PARAMETERS(PARAMETER_AS_SOURCE)},
		.use = POOL_LONG,.may_wait = true,.tells_version = true
	},
	{
		.method = "GET",.pattern = "/reports/{id}",.answer = api_answer,
		.statement = STATEMENT_GET,
		.sources = {REPORT_PARAMETERS(PARAMETER_AS_SOURCE)},
		.tells_version = true
	},
	{
		.method = "DELETE",.pattern = "/reports/{id}",.answer = api_answer,
		.statement = STATEMENT_REPORT_REMOVE,
		.sources = {REPORT_REMOVE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.status = 204
	},
	/* no file is called so: a file's name has the report's id in it */
	{
		.method = "POST",.pattern = "/reports/{id}/cancel",.answer = api_answer,
		.statement = STATEMENT_ACTION,
		.sources = {ACTION_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.no_body = NO_BODY,.use = POOL_LONG,.tells_version = true
	},
	{
		.method = "POST",.pattern = "/reports/{id}/rebuild",.answer = api_answer,
		.statement = STATEMENT_ACTION,
		.sources = {ACTION_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.no_body = NO_BODY,.use = POOL_LONG,.may_wait = true,
		.tells_version = true
	},
	{
		.method = "POST",.pattern = "/reports/{id}/retry",.answer = api_answer,
		.statement = STATEMENT_ACTION,
		.sources = {ACTION_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.no_body = NO_BODY,.use = POOL_LONG,.may_wait = true,
		.tells_version = true
	},
	{
		.method = "POST",.pattern = "/reports/{id}/revoke-links",.answer = api_answer,
		.statement = STATEMENT_ACTION,
		.sources = {ACTION_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.no_body = NO_BODY,.use = POOL_LONG,.tells_version = true
	},
	{
		.method = "GET",.pattern = "/reports/{id}/manifest",.answer = api_answer,
		.statement = STATEMENT_MANIFEST,
		.sources = {REPORT_PARAMETERS(PARAMETER_AS_SOURCE)}
	},
	{.method = "GET",.pattern = "/reports/{id}/{fileName}",.answer = download_file},
	{
		.method = "GET",.pattern = "/account",.answer = api_answer,
		.statement = STATEMENT_ACCOUNT,
	},
	{
		.method = "GET",.pattern = "/datasets",.answer = api_answer,
		.statement = STATEMENT_DATASETS,
	},
	{
		.method = "POST",.pattern = "/datasets/{dataset}/preview",.answer = api_answer,
		.statement = STATEMENT_VIEW_PREVIEW,
		.sources = {VIEW_PREVIEW_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.use = POOL_LONG
	},
	{
		.method = "GET",.pattern = "/datasets/{dataset}/views/{view}",.answer = api_answer,
		.statement = STATEMENT_VIEW_GET,
		.sources = {VIEW_GET_PARAMETERS(PARAMETER_AS_SOURCE)},
		.tells_version = true
	},
	{
		.method = "POST",.pattern = "/datasets/{dataset}/views/{view}",.answer = api_answer,
		.statement = STATEMENT_VIEW_CREATE,
		.sources = {VIEW_CREATE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.status = 201,.tells_version = true
	},
	{
		.method = "PUT",.pattern = "/datasets/{dataset}/views/{view}",.answer = api_answer,
		.statement = STATEMENT_VIEW_REPLACE,
		.sources = {VIEW_REPLACE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.tells_version = true
	},
	{
		.method = "DELETE",.pattern = "/datasets/{dataset}/views/{view}",.answer = api_answer,
		.statement = STATEMENT_VIEW_REMOVE,
		.sources = {VIEW_REMOVE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.status = 204
	},
	{
		.method = "GET",.pattern = "/generators",.answer = api_answer,
		.statement = STATEMENT_GENERATOR_LIST,
		.sources = {GENERATOR_LIST_PARAMETERS(PARAMETER_AS_SOURCE)},
	},
	{
		.method = "POST",.pattern = "/generators",.answer = api_answer,
		.statement = STATEMENT_GENERATOR_CREATE,
		.sources = {GENERATOR_CREATE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.status = 201,.tells_version = true
	},
	{
		.method = "POST",.pattern = "/generators/preview",.answer = api_answer,
		.statement = STATEMENT_PREVIEW,
		.sources = {PREVIEW_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true
	},
	{
		.method = "GET",.pattern = "/generators/{id}",.answer = api_answer,
		.statement = STATEMENT_GENERATOR_GET,
		.sources = {GENERATOR_PARAMETERS(PARAMETER_AS_SOURCE)},
		.tells_version = true
	},
	{
		.method = "PATCH",.pattern = "/generators/{id}",.answer = api_answer,
		.statement = STATEMENT_GENERATOR_CHANGE,
		.sources = {GENERATOR_CHANGE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.tells_version = true
	},
	{
		.method = "DELETE",.pattern = "/generators/{id}",.answer = api_answer,
		.statement = STATEMENT_GENERATOR_REMOVE,
		.sources = {GENERATOR_REMOVE_PARAMETERS(PARAMETER_AS_SOURCE)},
		.status = 204
	},
	{
		.method = "POST",.pattern = "/generators/{id}/runs",.answer = api_answer,
		.statement = STATEMENT_RUN,
		.sources = {RUN_PARAMETERS(PARAMETER_AS_SOURCE)},
		.takes_body = true,.status = 202
	},
	{
		.method = "GET",.pattern = "/generators/{id}/periods",.answer = api_answer,
		.statement = STATEMENT_PERIODS,
		.sources = {PERIODS_PARAMETERS(PARAMETER_AS_SOURCE)},
	},
	{.method = "GET",.pattern = "/events",.answer = events_get},
	{.method = "POST",.pattern = "/token",.answer = api_issue},
	{.method = "GET",.pattern = "/health",.answer = health_get},
	{.method = "GET",.pattern = "/openapi.json",.answer = embedded_get},
	/* no part of the API: a page for people, and what it is made of */
	{.method = "GET",.pattern = "/",.answer = embedded_get_panel},
	{.method = "GET",.pattern = "/panel/{file}",.answer = embedded_get_panel},
};

#define ROUTES	(sizeof(routes) / sizeof(routes[0]))

/* Does a path fit, segment by segment?  What a segment names is not empty. */
static bool
fits(const char *pattern, const Request *request)
{
	int			n = 0;

	for (; *pattern == '/' && n < request->segment_count; n++)
	{
		size_t		length = strcspn(++pattern, "/");
		const char *segment = request->segments[n];

		if (*pattern == '{' ? *segment == '\0' :
			strlen(segment) != length || strncmp(segment, pattern, length) != 0)
			return false;
		pattern += length;
	}
	return *pattern == '\0' && n == request->segment_count;
}

static bool
is_for(const Route *route, const Request *request)
{
	return request_is(request, route->method) ||
		(request_is(request, "HEAD") && strcmp(route->method, "GET") == 0);
}

const Route *
routes_find(const Request *request, char **allowed)
{
	const char *pattern = NULL;
	FILE	   *out = NULL;
	size_t		size;

	*allowed = NULL;
	for (size_t i = 0; i < ROUTES; i++)
	{
		const Route *route = &routes[i];

		if (pattern == NULL && fits(route->pattern, request))
			pattern = route->pattern;
		if (pattern == NULL || strcmp(route->pattern, pattern) != 0)
			continue;
		if (is_for(route, request))
		{
			if (out != NULL)
				fclose(out);
			free(*allowed);
			*allowed = NULL;
			return route;
		}
		if (out == NULL && (out = open_memstream(allowed, &size)) == NULL)
			abort();
		fprintf(out, "%s%s%s", ftell(out) > 0 ? ", " : "", route->method,
				strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
	}
	if (out != NULL && fclose(out) != 0)
		abort();
	return NULL;
}

int
routes_number(const Route *route)
{
	return route == NULL ? (int) ROUTES : (int) (route - routes);
}

const Route *
routes_at(int number)
{
	return number < (int) ROUTES ? &routes[number] : NULL;
}
