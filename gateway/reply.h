/*
 * reply.h
 *	  Replies: a body of JSON, or an error.  Each carries X-Correlation-ID.
 */
#ifndef REPLY_H
#define REPLY_H

#include <libpq-fe.h>
#include <microhttpd.h>

#include "call.h"
#include "request.h"

/* A response's headers are added one by one; values are copied. */
extern void reply_header(struct MHD_Response *response, const char *name,
						 const char *format,...)
			__attribute__((format(printf, 3, 4)));

/*
 * Queue the response with the headers every reply has, and let go of it.  bytes
 * is the size of its body.
 */
extern enum MHD_Result reply_send(Request *request, struct MHD_Response *response,
								  int status, uint64_t bytes);

/* What is said of a body beside it. */
typedef struct Success
{
	int			status;
	int			retry_after;	/* as in Failure */
	const char *version;		/* for its ETag, or NULL */
} Success;

/*
 * The JSON in a result's first column, or nothing with 204; the result is the
 * reply's from here on.
 */
extern enum MHD_Result reply_json(Request *request, PGresult *result,
								  const Success *success);

/* An error.  reply_error_body() makes the response alone, to add headers to. */
extern struct MHD_Response *reply_error_body(Request *request, int status,
											 const char *message);
extern enum MHD_Result reply_error(Request *request, int status, const char *message);
extern enum MHD_Result reply_failure(Request *request, Failure *failure);

/* The same, and the connection ends: what follows on it is not read. */
extern enum MHD_Result reply_error_and_close(Request *request, int status,
											 const char *message);

/* 409: what was asked for is to be had by another link, and without a token. */
extern enum MHD_Result reply_elsewhere(Request *request, const char *link);

/* The same 404 for reports that are not there and for foreign ones. */
extern enum MHD_Result reply_no_report(Request *request);
extern enum MHD_Result reply_method_not_allowed(Request *request, const char *allowed);

/* From now on every reply tells its client to close the connection. */
extern void reply_begin_stop(void);

#endif							/* REPLY_H */
