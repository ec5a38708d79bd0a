/*
 * server.h
 *	  For targets of modules that need PostgreSQL: libFuzzer runs within a server
 *	  in single-user mode.
 *
 * Nothing of the server is imitated.  AddressSanitizer cannot be there, so bytes
 * lie right in front of a page that must not be touched.  A target defines fuzz(),
 * which runs in a memory context of its own and raises nothing.
 */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include "core/compat.h"

#include <sys/mman.h>
#include <unistd.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "fuzz/fuzz.h"

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv,
								int (*one) (const uint8_t *data, size_t size));

static void fuzz(const uint8_t *data, size_t size);

#define GUARDED_MAX		((size_t) 1024 * 1024)

/* Memory of size bytes, behind which nobody may read or write; one at a time. */
static inline char *
guarded_room(size_t size)
{
	static char *end = NULL;

	if (end == NULL)
	{
		size_t		page = sysconf(_SC_PAGESIZE);
		char	   *memory = mmap(NULL, GUARDED_MAX + page, PROT_READ | PROT_WRITE,
								  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		PROMISE(memory != MAP_FAILED);
		end = memory + GUARDED_MAX;
		PROMISE(mprotect(end, page, PROT_NONE) == 0);
	}
	PROMISE(size <= GUARDED_MAX);
	return end - size;
}

/* These bytes there. */
static inline char *
guarded(const void *data, size_t size)
{
	return size == 0 ? guarded_room(0) : memcpy(guarded_room(size), data, size);
}

static MemoryContext fuzz_context;

static int
fuzz_one(const uint8_t *data, size_t size)
{
	MemoryContext old = MemoryContextSwitchTo(fuzz_context);

	PG_TRY();
	{
		fuzz(data, size);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		fuzz_broken("nothing is raised", __FILE__, __LINE__);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextReset(fuzz_context);
	return 0;
}

/* Is what PG_CATCH has caught this error?  It is done with. */
static inline bool
raised(int sqlstate)
{
	bool		same = geterrcode() == sqlstate;

	MemoryContextSwitchTo(fuzz_context);
	if (!same)
		EmitErrorReport();
	FlushErrorState();
	return same;
}

/* What jsonb_in() makes of a text; NULL if it refuses. */
static inline Jsonb *
jsonb_of(const char *text)
{
	Jsonb	   *volatile jsonb = NULL;

	PG_TRY();
	{
		jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(fuzz_context);
		FlushErrorState();
	}
	PG_END_TRY();
	return jsonb;
}

PG_FUNCTION_INFO_V1(rde_fuzz);

/* rde_fuzz(arguments of libFuzzer text[]); ends the server */
Datum
rde_fuzz(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *texts;
	int			count;
	char	  **arguments;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &count);
	arguments = palloc0((count + 2) * sizeof(char *));
	arguments[0] = pstrdup("rde_fuzz");
	for (int i = 0; i < count; i++)
		arguments[i + 1] = TextDatumGetCString(texts[i]);
	count++;
	fuzz_context = AllocSetContextCreate(TopMemoryContext, "fuzz", ALLOCSET_DEFAULT_SIZES);
	exit(LLVMFuzzerRunDriver(&count, &arguments, fuzz_one));
}

#endif							/* FUZZ_SERVER_H */
