/*
 * fuzz.h
 *	  What every fuzz target has: promises that hold for any bytes, and a way to take
 *	  those bytes apart.
 *
 * A target is given bytes by libFuzzer, which prefers those that reach new code.
 * It is not enough that nothing crashes: a target says what is made of the bytes,
 * and reads it back by another way than ours.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* What is not so is a fault; libFuzzer keeps the bytes. */
#define PROMISE(condition) \
	((condition) ? (void) 0 : fuzz_broken(#condition, __FILE__, __LINE__))

static inline void
fuzz_broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, promise);
	abort();
}

/* The bytes that are left to take. */
typedef struct Bytes
{
	const uint8_t *at;
	size_t		left;
} Bytes;

/* A number below n, 0 if none is left. */
static inline uint32_t
take_below(Bytes *bytes, uint32_t n)
{
	uint32_t	value = 0;

	for (int i = 0; i < 2 && bytes->left > 0; i++, bytes->left--)
		value = value << 8 | *bytes->at++;
	return value % n;
}

/*
 * Up to the next NUL, or to the end: a string in memory of exactly its size, to be
 * freed.
 */
static inline char *
take_string(Bytes *bytes)
{
	size_t		length = strnlen((const char *) bytes->at, bytes->left);
	char	   *string = malloc(length + 1);

	memcpy(string, bytes->at, length);
	string[length] = '\0';
	if (length < bytes->left)
		length++;
	bytes->at += length;
	bytes->left -= length;
	return string;
}

#endif							/* FUZZ_H */
