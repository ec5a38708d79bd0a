/*
 * fail_malloc.c
 *	  A malloc() that fails once where fail_palloc.c says: to be preloaded.
 *
 * Invariant: only what the server or rde asks for itself fails.  What other
 * libraries ask for is theirs, libxlsxwriter's above all, which does not look at
 * what it was given.
 */
#include <stddef.h>

#include "malloc_fault.h"

MallocFault malloc_fault;

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *pointer, size_t size);

static int
fails(uintptr_t caller)
{
	MallocFault *fault = &malloc_fault;

	if (fault->at == 0 || *(volatile uint32_t *) fault->critical > 0)
		return 0;
	for (int i = 0; i < 2; i++)
		if (caller >= fault->from[i] && caller < fault->to[i])
			return ++fault->count == fault->at;
	return 0;
}

void *
malloc(size_t size)
{
	if (fails((uintptr_t) __builtin_return_address(0)))
		return NULL;
	return __libc_malloc(size);
}

void *
realloc(void *pointer, size_t size)
{
	if (fails((uintptr_t) __builtin_return_address(0)))
		return NULL;
	return __libc_realloc(pointer, size);
}
