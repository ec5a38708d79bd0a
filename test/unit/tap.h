/*
 * tap.h
 *	  What every unit test prints, and random numbers that repeat.
 */
#ifndef UNIT_TAP_H
#define UNIT_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static FILE *tap;				/* where TAP goes: main() says stdout */
static int	tap_tests;
static int	tap_failures;

static inline void
ok(bool good, const char *name)
{
	fprintf(tap, "%sok %d - %s\n", good ? "" : "not ", ++tap_tests, name);
	tap_failures += !good;
	fflush(tap);
}

/* A line beside the tests: which text it was, say, with its bytes. */
static inline void
show(const char *what, const char *text, size_t len)
{
	fprintf(tap, "# %s:", what);
	for (size_t i = 0; i < len; i++)
		fprintf(tap, " %02x", (unsigned char) text[i]);
	fprintf(tap, "\n");
}

/* The last line, and what the program ends with. */
static inline int
done(void)
{
	fprintf(tap, "1..%d\n", tap_tests);
	return tap_failures == 0 ? 0 : 1;
}

static uint64_t seed = 1;

static inline uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) (seed >> 32) % n;
}

#endif							/* UNIT_TAP_H */
