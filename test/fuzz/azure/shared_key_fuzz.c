/*
 * shared_key_fuzz.c
 *	  URLs, links and names of blobs, whatever the files are called.
 */
#include "fuzz/server.h"

#include "azure/file_name.h"
#include "azure/shared_key.h"
#include "mb/pg_wchar.h"

static const AzureServer server = {
	.name = "reports",
	.account = "contoso",
	.container = "reports",
	.endpoint = "http://127.0.0.1:10000/contoso",
	.key = (uint8 *) "a key of 16 bytes",
	.key_length = 16,
	.loopback = true
};

/* As the service reads it; NULL for a broken escape. */
static char *
unescape(const char *url, size_t length)
{
	char	   *text = palloc(length + 1);
	char	   *to = text;

	for (size_t i = 0; i < length; i++)
	{
		unsigned int byte = (unsigned char) url[i];

		PROMISE(byte > ' ' && byte < 0x7F);
		if (byte == '%')
		{
			PROMISE(length - i > 2 && sscanf(url + i, "%%%2X", &byte) == 1);
			i += 2;
		}
		*to++ = (char) byte;
	}
	*to = '\0';
	return text;
}

static void
check_urls(const AzureServer *it, const char *blob)
{
	const char *beginning = psprintf("%s/reports", it->endpoint);
	const char *url = azure_blob_url(it, blob);
	size_t		length = strlen(beginning);

	PROMISE(strncmp(url, beginning, length) == 0);
	PROMISE(strpbrk(url + 7, "?#") == NULL);
	if (*blob != '\0')
		PROMISE(url[length] == '/' &&
				strcmp(unescape(url + length + 1, strlen(url) - length - 1), blob) == 0);
}

/* A parameter of the query, there once. */
static char *
parameter(const char *url, const char *name)
{
	const char *found = strstr(strchr(url, '?'), psprintf("&%s=", name));

	if (found == NULL)
		return NULL;
	found += strlen(name) + 2;
	PROMISE(strstr(found, psprintf("&%s=", name)) == NULL);
	return unescape(found, strcspn(found, "&"));
}

static void
check_link(const AzureServer *it, const char *blob, const char *other)
{
	const char *url = azure_read_link(it, blob, 0, USECS_PER_DAY);
	const char *path = azure_blob_url(it, blob);
	char	   *signature = parameter(url, "sig");

	PROMISE(strncmp(url, path, strlen(path)) == 0 && url[strlen(path)] == '?');
	PROMISE(strcmp(parameter(url, "st"), "2000-01-01T00:00:00Z") == 0);
	PROMISE(strcmp(parameter(url, "se"), "2000-01-02T00:00:00Z") == 0);
	PROMISE(strcmp(parameter(url, "sp"), "r") == 0 && strcmp(parameter(url, "sr"), "b") == 0);
	PROMISE(strlen(signature) == 44);
	PROMISE((strcmp(blob, other) == 0) ==
			(strcmp(signature, parameter(azure_read_link(it, other, 0, USECS_PER_DAY), "sig")) == 0));
}

/* A name is one of a file, and stays as it is. */
static void
check_name(const char *text)
{
	const char *name = azure_file_name(text);

	PROMISE(strcmp(azure_file_name(name), name) == 0);
	PROMISE(strpbrk(name, "/\\\r\n\t") == NULL && strstr(name, "..") == NULL);
	PROMISE(pg_verify_mbstr(PG_UTF8, name, strlen(name), true));
}

static void
check_requests(const AzureServer *it, const char *blob, const char *value)
{
	AzureRequest request = {.method = "PUT",.blob = blob};
	const char *url;

	request.query[0] = (AzureField)
	{
		"blockid", value
	};
	request.query[1] = (AzureField)
	{
		"comp", "block"
	};
	request.query_count = 2;
	url = azure_request_url(it, &request);
	PROMISE(strcmp(parameter(url, "comp"), "block") == 0);
	PROMISE(strncmp(strchr(url, '?'), "?blockid=", 9) == 0);
	PROMISE(strcmp(unescape(strchr(url, '?') + 9, strcspn(strchr(url, '?') + 9, "&")), value) == 0);
	PROMISE(strncmp(azure_authorization(it, &request, "now"), "SharedKey contoso:", 18) == 0);
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	AzureServer it = server;
	char	   *blob = take_string(&bytes);
	char	   *other = take_string(&bytes);

	it.path = strchr(it.endpoint + 7, '/');
	check_urls(&it, blob);
	check_link(&it, blob, other);
	check_requests(&it, blob, other);
	if (pg_verify_mbstr(PG_UTF8, blob, strlen(blob), true))
		check_name(blob);
	free(blob);
	free(other);
}
