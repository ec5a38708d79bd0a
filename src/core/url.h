/*
 * url.h
 *	  What links are made of.
 */
#ifndef RDE_URL_H
#define RDE_URL_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

/*
 * A link begins to hold so long before its report was published: clocks of clients
 * that check st may be late.
 */
#define RDE_LINK_EARLY	(10 * USECS_PER_MINUTE)

/*
 * Append text with everything but unreserved characters (RFC 3986) escaped, and
 * those in `kept`, such as "/" for a path.
 */
extern void rde_url_append(StringInfo url, const char *text, const char *kept);

/* yyyy-mm-ddThh:mi:ssZ, the second an instant lies in; the last there is for infinity */
extern const char *rde_url_instant(TimestampTz instant);

/* The same, read; false unless it is exactly that. */
extern bool rde_url_parse_instant(const char *text, TimestampTz *instant);

/* Bytes in base64. */
extern const char *rde_url_base64(const uint8 *bytes, int length);

#endif							/* RDE_URL_H */
