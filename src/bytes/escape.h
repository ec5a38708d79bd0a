/*
 * escape.h
 *	  Text in CSV and JSON.  Pure functions: no PostgreSQL types, no allocation,
 *	  no errors, so that they can be fuzzed and measured alone.
 *
 * Each takes len bytes of UTF-8 at src and writes the escaped text at dst,
 * returning the place behind it.  dst must have room for the stated multiple
 * of len.  Broken UTF-8 is passed on as it is and never read past src + len.
 */
#ifndef RDE_ESCAPE_H
#define RDE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Does a CSV field of this text need quotes?  Empty text does. */
extern bool rde_csv_needs_quotes(const char *src, size_t len, char delimiter);

/*
 * Copy a CSV field that needs no quotes, room for len; or return NULL for one
 * that needs them.  Looking and copying in one go is what makes CSV fast.
 */
extern char *rde_copy_csv(char *dst, const char *src, size_t len,
						  char delimiter);

/* Double every quote; room for 2 x len. */
extern char *rde_escape_csv(char *dst, const char *src, size_t len);

/* The inside of a JSON string; room for RDE_JSON_GROWTH x len. */
#define RDE_JSON_GROWTH	6
extern char *rde_escape_json(char *dst, const char *src, size_t len);

#endif							/* RDE_ESCAPE_H */
