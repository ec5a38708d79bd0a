/*
 * fail_palloc.c
 *	  Let one allocation of a backend fail: a library for build_allocations.pl.
 *
 * fail_at(what, n) arms it: the n-th allocation from then on fails, once; with 0 they
 * are only counted.
 *	  own		that the code of rde asks for, itself or by one or two functions of
 *				the server's
 *	  any		that anybody asks a memory context for
 *	  block		that the server or rde asks the C library for, as far as
 *				fail_malloc.c is preloaded
 * failed() disarms it and returns how many were asked for, negative if one failed.
 *
 * Invariant: what the server could only answer with a PANIC or a crash is let go:
 * critical sections, the context in which errors are told, the owners of a lock;
 * and, of "own", what a subtransaction begins with.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/xact.h"
#include "fmgr.h"
#include "malloc_fault.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 170000
#include "utils/memutils_internal.h"
#endif

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(fail_at);
PG_FUNCTION_INFO_V1(failed);

/* our own frame, the server's palloc, and two of its functions at most */
#define NEAR 6

/*
 * What LockAcquire() allocates for a lock's owners.  If it gets nothing, it leaves an
 * entry behind that crashes whoever takes the same lock later in the transaction,
 * after a subtransaction that ended.
 */
#define LOCK_OWNERS		(8 * sizeof(LOCALLOCKOWNER))

static bool only_own;
static long count;
static long at;
static bool armed;
static uintptr_t own_from,
			own_to;
static uintptr_t server_from,
			server_to;
static MemoryContextMethods real;

static int
note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t	from = UINTPTR_MAX;
	uintptr_t	to = 0;
	bool		is_server = info->dlpi_name[0] == '\0' && server_to == 0;
	size_t		length = strlen(info->dlpi_name);

	if (!is_server &&
		(length < 7 || strcmp(info->dlpi_name + length - 7, "/rde.so") != 0))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
	{
		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		from = Min(from, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		to = Max(to, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
				 info->dlpi_phdr[i].p_memsz);
	}
	*(is_server ? &server_from : &own_from) = from;
	*(is_server ? &server_to : &own_to) = to;
	return 0;
}

/* The server ends a session that it has no memory to begin a subtransaction for. */
static bool
is_begin(void *frame)
{
	Dl_info		found;

	return dladdr(frame, &found) != 0 &&
		found.dli_saddr == (void *) BeginInternalSubTransaction;
}

static bool
is_own(void)
{
	void	   *frames[NEAR];
	int			depth = backtrace(frames, NEAR);
	int			i = 0;

	while (i < depth && ((uintptr_t) frames[i] < own_from ||
						 (uintptr_t) frames[i] >= own_to))
		i++;
	if (i == depth)
		return false;
	while (i-- > 0)
		if (is_begin(frames[i]))
			return false;
	return true;
}

static bool
fails(MemoryContext context, Size size)
{
	if (!armed || CritSectionCount > 0 || context == ErrorContext ||
		(context == TopMemoryContext && size == LOCK_OWNERS) ||
		(only_own && !is_own()))
		return false;
	if (++count != at)
		return false;
	armed = false;
	return true;
}

#if PG_VERSION_NUM >= 170000
static void *
failing_alloc(MemoryContext context, Size size, int flags)
{
	if (fails(context, size))
		return MemoryContextAllocationFailure(context, size, flags);
	return real.alloc(context, size, flags);
}

static void *
failing_realloc(void *pointer, Size size, int flags)
{
	if (fails(NULL, size))
		return MemoryContextAllocationFailure(CurrentMemoryContext, size, flags);
	return real.realloc(pointer, size, flags);
}
#else
static void *
failing_alloc(MemoryContext context, Size size)
{
	return fails(context, size) ? NULL : real.alloc(context, size);
}

#if PG_VERSION_NUM >= 160000
static void *
failing_realloc(void *pointer, Size size)
{
	return fails(NULL, size) ? NULL : real.realloc(pointer, size);
}
#else
static void *
failing_realloc(MemoryContext context, void *pointer, Size size)
{
	return fails(context, size) ? NULL : real.realloc(context, pointer, size);
}
#endif
#endif

/* All ordinary contexts share one table of methods. */
static void
take_methods(void)
{
	MemoryContextMethods *methods =
		unconstify(MemoryContextMethods *, TopMemoryContext->methods);
	long		page = sysconf(_SC_PAGESIZE);
	uintptr_t	from = (uintptr_t) methods & ~(page - 1);
	uintptr_t	to = (uintptr_t) (methods + 1);

	if (methods->alloc == failing_alloc)
		return;
	real = *methods;
	if (mprotect((void *) from, to - from, PROT_READ | PROT_WRITE) != 0)
		elog(ERROR, "mprotect: %m");
	methods->alloc = failing_alloc;
	methods->realloc = failing_realloc;
}

static MallocFault *
malloc_fault(void)
{
	return (MallocFault *) dlsym(RTLD_DEFAULT, "malloc_fault");
}

Datum
fail_at(PG_FUNCTION_ARGS)
{
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MallocFault *fault = malloc_fault();
	void	   *frames[2];

	(void) backtrace(frames, 2);	/* loads what it needs */
	server_to = own_to = 0;
	dl_iterate_phdr(note_object, NULL);
	if (own_to == 0)
		elog(ERROR, "rde is not loaded");
	take_methods();
	count = 0;
	if (strcmp(what, "block") == 0)
	{
		if (fault == NULL)
			elog(ERROR, "fail_malloc is not preloaded");
		fault->from[0] = own_from;
		fault->to[0] = own_to;
		fault->from[1] = server_from;
		fault->to[1] = server_to;
		fault->critical = &CritSectionCount;
		fault->count = 0;
		fault->at = PG_GETARG_INT64(1) > 0 ? PG_GETARG_INT64(1) : -1;
	}
	else
	{
		only_own = strcmp(what, "own") == 0;
		at = PG_GETARG_INT64(1);
		armed = true;
	}
	PG_RETURN_VOID();
}

Datum
failed(PG_FUNCTION_ARGS)
{
	MallocFault *fault = malloc_fault();
	long		asked = count;
	bool		reached = at > 0 && count >= at;

	armed = false;
	at = 0;
	if (fault != NULL && fault->at != 0)
	{
		asked = fault->count;
		reached = fault->at > 0 && fault->count >= fault->at;
		fault->at = 0;
	}
	PG_RETURN_INT64(reached ? -asked : asked);
}
