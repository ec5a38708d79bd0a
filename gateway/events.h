/*
 * events.h
 *	  GET /events: Server-Sent Events of what becomes of reports.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "request.h"

/* Streams open at once, of one account and of all. */
#define EVENTS_PER_ACCOUNT	20
#define EVENTS_STREAMS		256

extern enum MHD_Result events_get(Request *request);

/* How many are open. */
extern int	events_streams(void);

/* Where all streams' events are asked for: a session of its own. */
extern void events_begin(const char *conninfo);

/* All streams end; then, once they have, so does what asks. */
extern void events_begin_stop(void);
extern void events_stop(void);

#endif							/* EVENTS_H */
