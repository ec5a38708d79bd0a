/*
 * http.h
 *	  Requests to the Blob service over libcurl.
 */
#ifndef HTTP_H
#define HTTP_H

#include "request.h"

typedef struct AzureHttp AzureHttp;

/*
 * What requests share: connections stay open from one to the next.  Lives as
 * long as the current memory context, and is released with it, whatever ends it.
 */
extern AzureHttp *azure_http_create(void);

/*
 * Send one request and wait for its reply, or for server->timeout.  Interrupts
 * are taken meanwhile, and end it.  Whatever comes back is in *reply; raises
 * nothing for that.
 */
extern void azure_http_perform(AzureHttp *http, const AzureServer *server,
							   const AzureRequest *request, AzureReply *reply);

#endif							/* HTTP_H */
