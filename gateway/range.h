/*
 * range.h
 *	  Conditional and partial requests (RFC 9110).  Pure functions.
 */
#ifndef RANGE_H
#define RANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef enum RangeKind
{
	RANGE_WHOLE,				/* all of the file: no range, or one to ignore */
	RANGE_PART,
	RANGE_UNSATISFIABLE
} RangeKind;

/*
 * What a Range header (or NULL) asks of a file of size bytes.  A header that
 * asks for several parts, for another unit, or that is not well-formed is
 * ignored, as the RFC allows.
 */
extern RangeKind range_parse(const char *header, uint64_t size,
							 uint64_t *first, uint64_t *length);

/*
 * Is the entity tag, quotes included, in a header's list, or is that "*"?  weak
 * says whether W/"x" is taken for "x".
 */
extern bool range_tag_in_list(const char *header, const char *tag, bool weak);

#define RANGE_DATE_SIZE	30		/* Tue, 12 Nov 2019 09:51:14 GMT */

/* A moment as HTTP writes it; empty if it cannot be written. */
extern void range_date(char result[RANGE_DATE_SIZE], time_t moment);

/* The same read, as the two older forms are; false for anything else, and NULL. */
extern bool range_parse_date(const char *header, time_t *moment);

#endif							/* RANGE_H */
