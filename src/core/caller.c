/*
 * caller.c
 *	  Who called: the outermost role, and the present one.
 *
 * The server switches to the owner of a SECURITY DEFINER function before anything
 * in it runs, and tells nobody whose rights were in force before.  So our own
 * functions with the owner's rights are not declared so: their language is
 * rde_definer, which is PL/pgSQL entered here.
 *
 * Invariant: while code of ours runs as the extension's owner, the top frame holds
 * the role that called it from outside.
 */
#include "core/caller.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "core/version.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* A change to the owner's rights, and the subtransaction it was made in. */
typedef struct Frame
{
	Oid			caller;
	int			level;
} Frame;

typedef struct Callers
{
	Frame	   *frames;
	int			depth;
	int			room;
} Callers;

static void forget(XactEvent event, void *arg);
static void forget_sub(SubXactEvent event, SubTransactionId mine,
					   SubTransactionId parent, void *arg);

/* One stack in the process, also of a library that links this file. */
static Callers *
callers(void)
{
	static Callers *shared;
	void	  **place;

	if (shared != NULL)
		return shared;
	place = find_rendezvous_variable("rde callers");
	if (*place == NULL)
	{
		*place = MemoryContextAllocZero(TopMemoryContext, sizeof(Callers));
		RegisterXactCallback(forget, NULL);
		RegisterSubXactCallback(forget_sub, NULL);
	}
	shared = *place;
	return shared;
}

Oid
rde_outer_caller(void)
{
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("rde functions cannot be called within a security-restricted operation")));
	return GetOuterUserId();
}

Oid
rde_present_caller(Oid owner)
{
	const Callers *stack = callers();
	Oid			user = GetUserId();

	return user == owner && stack->depth > 0 ?
		stack->frames[stack->depth - 1].caller : user;
}

void
rde_caller_enter(Oid owner)
{
	Callers    *stack = callers();
	Frame		frame = {rde_present_caller(owner),
	GetCurrentTransactionNestLevel()};

	if (stack->depth == stack->room)
	{
		int			room = Max(16, stack->room * 2);

		stack->frames = stack->frames == NULL ?
			MemoryContextAlloc(TopMemoryContext, sizeof(Frame) * room) :
			repalloc(stack->frames, sizeof(Frame) * room);
		stack->room = room;
	}
	stack->frames[stack->depth++] = frame;
}

void
rde_caller_leave(void)
{
	Assert(callers()->depth > 0);
	callers()->depth--;
}

static void
forget(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE &&
		event != XACT_EVENT_PARALLEL_PRE_COMMIT)
		callers()->depth = 0;
}

static void
forget_sub(SubXactEvent event, SubTransactionId mine,
		   SubTransactionId parent, void *arg)
{
	Callers    *stack = callers();

	if (event == SUBXACT_EVENT_ABORT_SUB)
		while (stack->depth > 0 && stack->frames[stack->depth - 1].level >=
			   GetCurrentTransactionNestLevel())
			stack->depth--;
}

static Oid
owner_of(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* A function of PL/pgSQL's library. */
static PGFunction
of_plpgsql(const char *name)
{
	return load_external_function("$libdir/plpgsql", name, true, NULL);
}

PG_FUNCTION_INFO_V1(rde_definer);
PG_FUNCTION_INFO_V1(rde_definer_validator);

/* _rde_definer_validator(function oid): looks at a body as PL/pgSQL does */
Datum
rde_definer_validator(PG_FUNCTION_ARGS)
{
	return of_plpgsql("plpgsql_validator") (fcinfo);
}

/*
 * _rde_definer() → language_handler: runs a function of the language rde_definer
 * as PL/pgSQL, with the rights of the function's owner.
 */
Datum
rde_definer(PG_FUNCTION_ARGS)
{
	static PGFunction plpgsql;
	Oid			function = fcinfo->flinfo->fn_oid;
	Oid			owner = owner_of(function);
	Oid			user;
	int			security;
	Datum		result;

	if (plpgsql == NULL)
		plpgsql = of_plpgsql("plpgsql_call_handler");
	rde_check_version(function);
	(void) rde_outer_caller();
	rde_caller_enter(owner);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(owner, security | SECURITY_LOCAL_USERID_CHANGE);
	/* an error is undone by the (sub)transaction's abort */
	result = plpgsql(fcinfo);
	SetUserIdAndSecContext(user, security);
	rde_caller_leave();
	return result;
}
