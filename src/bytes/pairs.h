/*
 * pairs.h
 *	  Attributes as a commerce platform keeps them: a JSON array of pairs,
 *	  [["PONumber","qwe1233"],["Rush",true]], walked in place.
 *
 * Pure bytes like escape.h: nothing is allocated, tokens point into the text.
 *
 * Invariant: a pair is a JSON string and a JSON scalar; the first thing that
 * is anything else ends the walk, and rde_pairs_complete() tells that from a
 * text that was pairs to its end.
 */
#ifndef RDE_PAIRS_H
#define RDE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum RdePairKind
{
	RDE_PAIR_STRING,			/* value: the inside of a JSON string */
	RDE_PAIR_LITERAL,			/* value: a number, true or false */
	RDE_PAIR_NULL
} RdePairKind;

typedef struct RdePair
{
	const char *name;			/* the inside of a JSON string */
	size_t		name_length;
	RdePairKind kind;
	const char *value;
	size_t		value_length;
} RdePair;

typedef struct RdePairs
{
	const char *at;				/* private: what is left of the text */
	const char *end;
	int			state;
} RdePairs;

extern void rde_pairs_begin(RdePairs *pairs, const char *text, size_t len);

/* Step to the next pair; false at the end or at what is no pair. */
extern bool rde_pairs_next(RdePairs *pairs, RdePair *pair);

/* After rde_pairs_next() was false: was the whole text an array of pairs? */
extern bool rde_pairs_complete(const RdePairs *pairs);

/* Is the whole text an array of pairs? */
extern bool rde_pairs_valid(const char *text, size_t len);

/*
 * Find the first pair of this name (UTF-8, as it reads without escapes).  The
 * text behind that pair is not looked at.
 */
extern bool rde_pairs_find(const char *text, size_t len,
						   const char *name, size_t name_length,
						   RdePair *pair);

/*
 * Turn the inside of a JSON string, [*src, end), into UTF-8: as many whole
 * characters as `room` bytes hold, returning the place behind them and moving
 * *src on.  room = end - *src always holds all; less than 4 may hold nothing.
 * A surrogate without its other half, and NUL, becomes U+FFFD and is counted.
 */
extern char *rde_pairs_unescape(char *dst, size_t room,
								const char **src, const char *end,
								int64_t *replaced);

/*
 * The first escape \uXXXX of a JSON text, at or behind `at`, that stands for no
 * character: NUL, or a surrogate without its other half; or end.
 */
extern const char *rde_json_bad_escape(const char *at, const char *end);

#endif							/* RDE_PAIRS_H */
