/*
 * request.c
 *	  What a client asked for: its line, headers and body, taken apart.
 *
 * Invariant: field values belong to libmicrohttpd and live until the request is
 * completed; everything else is the request's own.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "clock.h"
#include "log.h"
#include "memory.h"

/* More than any key or token we have heard of, JSON web tokens included. */
#define MAX_KEY			256
#define MAX_TOKEN		4096

static const char *const field_names[FIELD_COUNT] = {
	[HEADER_AUTHORIZATION] = "Authorization",
	[HEADER_SUBSCRIPTION_KEY] = "X-Subscription-Key",
	[HEADER_CORRELATION_ID] = "X-Correlation-ID",
	[HEADER_CONTENT_LENGTH] = "Content-Length",
	[HEADER_TRANSFER_ENCODING] = "Transfer-Encoding",
	[HEADER_HOST] = "Host",
	[HEADER_FORWARDED_FOR] = "X-Forwarded-For",
	[HEADER_IDEMPOTENCY_KEY] = "Idempotency-Key",
	[HEADER_RANGE] = "Range",
	[HEADER_IF_RANGE] = "If-Range",
	[HEADER_IF_MATCH] = "If-Match",
	[HEADER_IF_NONE_MATCH] = "If-None-Match",
	[HEADER_IF_MODIFIED_SINCE] = "If-Modified-Since",
	[HEADER_IF_UNMODIFIED_SINCE] = "If-Unmodified-Since",
	[HEADER_LAST_EVENT_ID] = "Last-Event-ID",
	[HEADER_ORIGIN] = "Origin",
	[QUERY_FROM] = "from",
	[QUERY_TO] = "to",
	[QUERY_FORMAT] = "format",
	[QUERY_NAME] = "name",
	[QUERY_STATUS] = "status",
	[QUERY_TYPE] = "type",
	[QUERY_DETAIL] = "detail",
	[QUERY_AFTER] = "after",
	[QUERY_DATASET] = "dataset",
	[QUERY_GENERATOR] = "generator",
	[QUERY_RESELLER] = "reseller",
	[QUERY_SV] = "sv",
	[QUERY_ST] = "st",
	[QUERY_SE] = "se",
	[QUERY_SP] = "sp",
	[QUERY_SR] = "sr",
	[QUERY_KID] = "kid",
	[QUERY_SIG] = "sig",
};

const char *
request_field_name(Field field)
{
	return field_names[field];
}

/*
 * The path in its segments, each decoded alone: an encoded slash is part of a
 * segment.  What cannot be decoded has no segments, so nothing is found there;
 * a NUL, at which others would take the path to end, is an error of its own.  A
 * slash at the end says nothing, unless it follows another one.
 */
static void
split_path(Request *request)
{
	const char *at = request->path;

	request->malformed = strstr(at, "%00") != NULL;
	while (*at == '/' && request->segment_count < REQUEST_MAX_SEGMENTS)
	{
		size_t		length = strcspn(++at, "/");
		char	   *segment = memory_get(length + 1);

		request->segments[request->segment_count++] = segment;
		if (!text_percent_decode(segment, at, length))
		{
			request->segment_count = 0;
			return;
		}
		at += length;
	}
	if (*at != '\0')
		request->segment_count = 0;
	else if (request->segment_count > 1 &&
			 *request->segments[request->segment_count - 1] == '\0' &&
			 *request->segments[request->segment_count - 2] != '\0')
		request->segment_count--;
}

Request *
request_create(struct MHD_Connection *connection, const char *uri)
{
	Request    *request = memory_get(sizeof(Request));
	size_t		length = strcspn(uri, "?");

	request->started = clock_us();
	request->connection = connection;
	request->target = uri;
	request->target_length = strlen(uri);
	text_random_uuid(request->correlation_id);
	request->path = memory_get(length + 1);
	memcpy(request->path, uri, length);
	split_path(request);
	return request;
}

void
request_free(Request *request)
{
	for (int i = 0; i < REQUEST_MAX_SEGMENTS; i++)
		free(request->segments[i]);
	free(request->path);
	free(request->body);
	failure_clear(&request->refusal);
	free(request->credentials.owned);
	free(request);
}

static enum MHD_Result
take_field(void *arg, enum MHD_ValueKind kind, const char *name,
		   size_t name_size, const char *value, size_t value_size)
{
	Request    *request = arg;
	bool		header = kind == MHD_HEADER_KIND;
	int			first = header ? 0 : QUERY_FROM;
	int			end = header ? QUERY_FROM : FIELD_COUNT;

	/* with a blank before the colon, say, one reads a length and one does not */
	if (header && (strlen(name) != name_size ||
				   !text_is_word(name, SIZE_MAX - 1, "!#$%&'*+-.^_`|~")))
		request->malformed = true;
	for (int i = first; i < end; i++)
	{
		FieldValue *field = &request->fields[i];

		if (name_size != strlen(field_names[i]) ||
			(header ? strcasecmp(name, field_names[i]) : strcmp(name, field_names[i])) != 0)
			continue;
		field->count++;
		field->value = value == NULL ? "" : value;
		field->broken |= strlen(field->value) != value_size;
	}
	return MHD_YES;
}

/*
 * libmicrohttpd ends the target where its line has a NUL.  In its memory the
 * version follows behind a blank, which is a NUL by now.
 */
static bool
target_is_whole(const Request *request, const char *version)
{
	return version == NULL || version <= request->target ||
		(size_t) (version - request->target) > REQUEST_MAX_LINE ||
		(size_t) (version - request->target) == request->target_length + 1;
}

void
request_begin(Request *request, const char *method, const char *version)
{
	const char *id;

	request->begun = true;
	request->malformed |= !target_is_whole(request, version);
	snprintf(request->method, sizeof(request->method), "%s", method);
	MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, take_field, request);
	MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, take_field, request);

	request->malformed |= request->fields[HEADER_HOST].count > 1;
	id = request->fields[HEADER_CORRELATION_ID].value;
	if (id != NULL && !request->fields[HEADER_CORRELATION_ID].broken &&
		text_is_word(id, sizeof(request->correlation_id) - 1, "-"))
		memcpy(request->correlation_id, id, strlen(id) + 1);
}

void
request_add_body(Request *request, const char *data, size_t size)
{
	size_t		room = request->body_size < REQUEST_MAX_BODY ?
	REQUEST_MAX_BODY - request->body_size : 0;
	size_t		kept = !request->keep_body ? 0 : size < room ? size : room;

	if (kept > 0)
	{
		request->body = memory_resize(request->body, request->body_size + kept + 1);
		memcpy(request->body + request->body_size, data, kept);
		request->body[request->body_size + kept] = '\0';
	}
	request->body_size += size;
}

bool
request_has_body(const Request *request)
{
	const FieldValue *length = &request->fields[HEADER_CONTENT_LENGTH];

	return request->fields[HEADER_TRANSFER_ENCODING].count > 0 ||
		(length->count > 0 && strspn(length->value, "0") != strlen(length->value));
}

/*
 * With two lengths, or a length and an encoding, a proxy in front of us may see
 * another end than we do, and what we take for the next request is somebody
 * else's body.
 */
bool
request_framing_is_sound(const Request *request)
{
	const FieldValue *length = &request->fields[HEADER_CONTENT_LENGTH];
	const FieldValue *encoding = &request->fields[HEADER_TRANSFER_ENCODING];

	if (length->count + encoding->count > 1 || length->broken ||
		encoding->broken)
		return false;
	if (length->count == 1)
		return *length->value != '\0' &&
			strspn(length->value, "0123456789") == strlen(length->value);
	return encoding->count == 0 || strcasecmp(encoding->value, "chunked") == 0;
}

/*
 * What follows a scheme in Authorization, if it and the subscription key are there
 * once each.
 */
static const char *
authorization(const Request *request, const char *scheme)
{
	const FieldValue *given = &request->fields[HEADER_AUTHORIZATION];
	const FieldValue *key = &request->fields[HEADER_SUBSCRIPTION_KEY];
	const char *rest;

	if (given->count != 1 || key->count != 1 || given->broken || key->broken ||
		strncasecmp(given->value, scheme, strlen(scheme)) != 0 ||
		!text_is_word(key->value, MAX_KEY, "-._~+/="))
		return NULL;
	rest = given->value + strlen(scheme);
	return rest + strspn(rest, " ");
}

static bool
digest(unsigned char result[SHA256_SIZE], const char *text)
{
	return EVP_Digest(text, strlen(text), result, NULL, EVP_sha256(), NULL) == 1;
}

/* What has been found to be well-formed becomes the request's. */
static bool
take_credentials(Request *request, const char *token)
{
	Credentials *credentials = &request->credentials;
	char		token_hex[2 * SHA256_SIZE + 1];
	unsigned char whole[SHA256_SIZE];
	const char *parts[3] = {"login"};
	char	   *dot;

	free(credentials->owned);
	credentials->owned = NULL;
	credentials->claims = NULL;
	credentials->key = request->fields[HEADER_SUBSCRIPTION_KEY].value;
	if (!digest(whole, token))
		return false;
	if (strchr(token, '.') == NULL)
		memcpy(credentials->token_sha256, whole, SHA256_SIZE);
	else
	{
		credentials->owned = memory_copy(token);
		dot = strrchr(credentials->owned, '.');
		*dot = '\0';
		credentials->claims = credentials->owned;
		if (!digest(credentials->token_sha256, dot + 1))
			return false;
	}
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(token_hex + 2 * i, 3, "%02x", whole[i]);
	parts[1] = credentials->key;
	parts[2] = token_hex;
	verified_digest(credentials->digest, parts, 3);
	return true;
}

bool
request_credentials(Request *request)
{
	const char *token = authorization(request, "Bearer ");

	return token != NULL && text_is_word(token, MAX_TOKEN, "-._~+/=") &&
		take_credentials(request, token);
}

bool
request_basic_credentials(Request *request)
{
	Credentials *credentials = &request->credentials;
	const char *given = authorization(request, "Basic ");
	char	   *pair;
	char	   *colon;

	if (given == NULL || strlen(given) > MAX_TOKEN)
		return false;
	pair = memory_get(strlen(given) + 1);
	/* a token has no colon, its name may have one */
	if (!text_base64_decode(pair, given) ||
		(colon = strrchr(pair, ':')) == NULL ||
		!text_is_word(colon + 1, MAX_TOKEN, "-_~+/=") ||
		!take_credentials(request, colon + 1))
	{
		free(pair);
		return false;
	}
	*colon = '\0';
	credentials->owned = pair;
	credentials->name = pair;
	return true;
}

bool
request_is(const Request *request, const char *method)
{
	return strcmp(request->method, method) == 0;
}
