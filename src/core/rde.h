/*
 * rde.h
 *	  What every module of the extension shares: where the extension lives, and
 *	  whose rights are in force.
 */
#ifndef RDE_H
#define RDE_H

#include "postgres.h"

#include "core/compat.h"
#include "datatype/timestamp.h"
#include "fmgr.h"

/* What tells this module's own errors from the server's, see failure.c. */
#undef TEXTDOMAIN
#define TEXTDOMAIN PG_TEXTDOMAIN("rde")

/* The extension as it is installed in this database. */
typedef struct RdeHome
{
	Oid			owner;			/* role whose rights rde's own statements use */
	Oid			schema_id;
	const char *schema;			/* quoted, ready to stand in SQL */
} RdeHome;

/*
 * Where the function being called lives and who owns it.  Every SQL-callable
 * function begins with this: it also refuses a call from inside a security-
 * restricted operation, see caller.h.
 */
extern const RdeHome *rde_home(FunctionCallInfo fcinfo);

/*
 * Whose rights and settings are in force.  Enter saves what was, leave restores
 * it; an error restores it through the (sub)transaction's abort.
 */
typedef struct RdeIdentity
{
	Oid			user;
	int			security;
	int			guc_level;
	bool		owner;			/* rde's own rights were entered */
} RdeIdentity;

/* rde's own statements: the extension's owner, search_path pinned. */
extern void rde_identity_enter_owner(const RdeHome *home, RdeIdentity *saved);

/*
 * A source's statement: its owner, security-restricted, every setting that
 * shapes output pinned, TimeZone that of the report.
 */
extern void rde_identity_enter_source(Oid owner, const char *time_zone,
									  RdeIdentity *saved);
extern void rde_identity_leave(const RdeIdentity *saved);

#endif							/* RDE_H */
