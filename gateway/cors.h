/*
 * cors.h
 *	  Pages of other origins, whose programs browsers let ask only where these let
 *	  them.
 */
#ifndef CORS_H
#define CORS_H

#include "request.h"

/* An origin as browsers send it: scheme, host and port; false if it is none. */
extern bool cors_allow(const char *origin);

/* Is the request from a page of such an origin, asking what it may? */
extern bool cors_is_preflight(const Request *request);
extern enum MHD_Result cors_preflight(Request *request, const char *methods);

/* What a reply says to a browser, if any origin is let. */
extern void cors_headers(const Request *request, struct MHD_Response *response);

#endif							/* CORS_H */
