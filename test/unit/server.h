/*
 * server.h
 *	  For tests of modules that need PostgreSQL: they run within a server.
 *
 * The test is linked with all of the extension's objects into a library of its
 * own and called as rde_unit(), which returns what it prints.  So nothing of the
 * server is imitated.  A test defines unit().
 */
#ifndef UNIT_SERVER_H
#define UNIT_SERVER_H

#include "core/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "unit/tap.h"

static void unit(void);

PG_FUNCTION_INFO_V1(rde_unit);

/* rde_unit() → text */
Datum
rde_unit(PG_FUNCTION_ARGS)
{
	char	   *printed;
	size_t		size;
	text	   *result;

	tap = open_memstream(&printed, &size);
	unit();
	done();
	fclose(tap);
	result = cstring_to_text_with_len(printed, size);
	free(printed);
	PG_RETURN_TEXT_P(result);
}

/* Does what PG_TRY holds raise this? */
static inline bool
raised(int sqlstate, MemoryContext context)
{
	ErrorData  *error;
	bool		same;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	same = error->sqlerrcode == sqlstate;
	if (!same)
		fprintf(tap, "# %s: %s\n", unpack_sql_state(error->sqlerrcode),
				error->message);
	FreeErrorData(error);
	return same;
}

#endif							/* UNIT_SERVER_H */
