/*
 * memory.c
 *	  Allocation that does not fail.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

void *
memory_get(size_t size)
{
	void	   *result = calloc(1, size);

	if (result == NULL)
	{
		log_message(LOG_ERROR, "out of memory");
		abort();
	}
	return result;
}

void *
memory_resize(void *old, size_t size)
{
	void	   *result = realloc(old, size);

	if (result == NULL)
	{
		log_message(LOG_ERROR, "out of memory");
		abort();
	}
	return result;
}

char *
memory_copy(const char *string)
{
	size_t		size = strlen(string) + 1;

	return memcpy(memory_get(size), string, size);
}
