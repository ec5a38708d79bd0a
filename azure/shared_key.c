/*
 * shared_key.c
 *	  What an account's key signs: requests, and links for others.
 *
 * Invariant: the path that is signed is the path that is sent, escaped once.
 */
#include "shared_key.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "core/url.h"

static const char *
sign(const AzureServer *server, const char *text)
{
	/* on error its resource owner or our exit releases it */
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	uint8		signature[PG_SHA256_DIGEST_LENGTH];

	if (context == NULL ||
		pg_hmac_init(context, server->key, server->key_length) < 0 ||
		pg_hmac_update(context, (const uint8 *) text, strlen(text)) < 0 ||
		pg_hmac_final(context, signature, sizeof(signature)) < 0)
		elog(ERROR, "could not compute an HMAC");
	pg_hmac_free(context);
	return rde_url_base64(signature, sizeof(signature));
}

/* "/container/blob", escaped */
static void
append_path(StringInfo text, const AzureServer *server, const char *blob)
{
	appendStringInfo(text, "%s/%s", server->path, server->container);
	if (*blob)
	{
		appendStringInfoChar(text, '/');
		rde_url_append(text, blob, "/");
	}
}

const char *
azure_blob_url(const AzureServer *server, const char *blob)
{
	StringInfoData url;

	initStringInfo(&url);
	appendBinaryStringInfo(&url, server->endpoint,
						   server->path - server->endpoint);
	append_path(&url, server, blob);
	return url.data;
}

const char *
azure_request_url(const AzureServer *server, const AzureRequest *request)
{
	StringInfoData url;

	initStringInfo(&url);
	appendStringInfoString(&url, azure_blob_url(server, request->blob));
	for (int i = 0; i < request->query_count; i++)
	{
		appendStringInfo(&url, "%c%s=", i == 0 ? '?' : '&',
						 request->query[i].name);
		rde_url_append(&url, request->query[i].value, "");
	}
	return url.data;
}

static const char *
or_empty(const char *text)
{
	return text ? text : "";
}

/* Headers by name; date and version stand among them. */
static void
append_headers(StringInfo text, const AzureRequest *request, const char *date)
{
	const AzureField own[] = {
		{"x-ms-date", date}, {"x-ms-version", AZURE_VERSION}
	};
	int			next = 0;

	for (int i = 0; i <= request->header_count; i++)
	{
		const AzureField *field = &request->headers[i];

		while (next < lengthof(own) &&
			   (i == request->header_count ||
				strcmp(own[next].name, field->name) < 0))
		{
			appendStringInfo(text, "%s:%s\n", own[next].name, own[next].value);
			next++;
		}
		if (i < request->header_count)
			appendStringInfo(text, "%s:%s\n", field->name, field->value);
	}
}

const char *
azure_authorization(const AzureServer *server, const AzureRequest *request,
					const char *date)
{
	StringInfoData text;

	initStringInfo(&text);
	/* neither encoding nor language */
	appendStringInfo(&text, "%s\n\n\n", request->method);
	if (request->body_length > 0)
		appendStringInfo(&text, "%zu", request->body_length);
	appendStringInfo(&text, "\n%s\n%s\n", or_empty(request->content_md5),
					 or_empty(request->content_type));
	appendStringInfoString(&text, "\n\n\n");	/* no Date, two conditions */
	appendStringInfo(&text, "%s\n\n\n", or_empty(request->if_none_match));
	append_headers(&text, request, date);
	appendStringInfo(&text, "/%s", server->account);
	append_path(&text, server, request->blob);
	for (int i = 0; i < request->query_count; i++)
		appendStringInfo(&text, "\n%s:%s", request->query[i].name,
						 request->query[i].value);
	return psprintf("SharedKey %s:%s", server->account,
					sign(server, text.data));
}

const char *
azure_read_link(const AzureServer *server, const char *blob,
				TimestampTz begin, TimestampTz end)
{
	const char *st = rde_url_instant(begin);
	const char *se = rde_url_instant(end);
	const char *spr = server->loopback ? "" : "https";
	StringInfoData text;
	StringInfoData url;

	/*
	 * permission, start, expiry, resource, policy, address, protocol,
	 * version, kind, snapshot, encryption scope, and five headers of the
	 * reply
	 */
	initStringInfo(&text);
	appendStringInfo(&text,
					 "r\n%s\n%s\n/blob/%s/%s/%s\n\n\n%s\n" AZURE_VERSION
					 "\nb\n\n\n\n\n\n\n",
					 st, se, server->account, server->container, blob, spr);

	initStringInfo(&url);
	appendStringInfo(&url, "%s?sv=" AZURE_VERSION "&st=",
					 azure_blob_url(server, blob));
	rde_url_append(&url, st, "");
	appendStringInfoString(&url, "&se=");
	rde_url_append(&url, se, "");
	appendStringInfoString(&url, "&sr=b&sp=r");
	if (*spr)
		appendStringInfo(&url, "&spr=%s", spr);
	appendStringInfoString(&url, "&sig=");
	rde_url_append(&url, sign(server, text.data), "");
	return url.data;
}
