/*
 * vector.h
 *	  Sixteen bytes at a time, in what compilers call vectors: they make of it what
 *	  the processor has, or eight bytes at a time where it has nothing.
 *
 * Invariant: nothing here asks for a kind of processor.
 */
#ifndef RDE_VECTOR_H
#define RDE_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_SIZE	16

typedef uint8_t Vector __attribute__((vector_size(VECTOR_SIZE)));
typedef uint64_t VectorHalves __attribute__((vector_size(VECTOR_SIZE)));

static inline Vector
vector_load(const char *src)
{
	Vector		vector;

	memcpy(&vector, src, VECTOR_SIZE);
	return vector;
}

/* Eight to sixteen bytes, by loads that overlap. */
static inline Vector
vector_load_short(const char *src, size_t len)
{
	uint64_t	first;
	uint64_t	last;

	memcpy(&first, src, sizeof(first));
	memcpy(&last, src + len - sizeof(last), sizeof(last));
	return (Vector) (VectorHalves)
	{
		first, last
	};
}

static inline Vector
vector_fill(char byte)
{
	uint8_t		b = (uint8_t) byte;

	return (Vector)
	{
		b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b
	};
}

/* All bits of each byte that is this one. */
static inline Vector
vector_equal(Vector vector, Vector filled)
{
	return (Vector) (vector == filled);
}

static inline bool
vector_any(Vector vector)
{
	VectorHalves halves = (VectorHalves) vector;

	return (halves[0] | halves[1]) != 0;
}

#endif							/* RDE_VECTOR_H */
