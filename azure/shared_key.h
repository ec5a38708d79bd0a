/*
 * shared_key.h
 *	  What an account's key signs: requests, and links for others.
 */
#ifndef SHARED_KEY_H
#define SHARED_KEY_H

#include "request.h"

/* The URL of a blob, without a query; "" is that of the container. */
extern const char *azure_blob_url(const AzureServer *server, const char *blob);

/* The URL of a request. */
extern const char *azure_request_url(const AzureServer *server,
									 const AzureRequest *request);

/*
 * The header Authorization of a request that is sent with this x-ms-date.
 * https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
extern const char *azure_authorization(const AzureServer *server,
									   const AzureRequest *request,
									   const char *date);

/*
 * A link that lets whoever has it read a blob from `begin` on until `end`, and
 * nothing else.
 * https://learn.microsoft.com/rest/api/storageservices/create-service-sas
 */
extern const char *azure_read_link(const AzureServer *server, const char *blob,
								   TimestampTz begin, TimestampTz end);

#endif							/* SHARED_KEY_H */
