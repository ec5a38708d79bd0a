/*
 * memory.h
 *	  Allocation that does not fail: what a request may hold is bounded, so
 *	  running out of memory means that the machine has, and the process ends.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

extern void *memory_get(size_t size);	/* zeroed; for free() */
extern void *memory_resize(void *old, size_t size);
extern char *memory_copy(const char *string);

#endif							/* MEMORY_H */
