/*
 * malloc_fault.h
 *	  Which malloc() is to fail: what fail_palloc.c says and fail_malloc.c reads.
 */
#ifndef MALLOC_FAULT_H
#define MALLOC_FAULT_H

#include <stdint.h>

typedef struct MallocFault
{
	long		count;			/* of calls from there since it was armed */
	long		at;				/* which of them fails; 0: none is counted */
	uintptr_t	from[2];		/* the code of the server and of rde */
	uintptr_t	to[2];
	volatile void *critical;	/* not while this counter of the server's is above 0 */
} MallocFault;

#endif
