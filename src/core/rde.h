/*
 * rde.h
 *	  What every module of the extension shares: where the extension lives,
 *	  whose rights are in force, its settings.
 */
#ifndef RDE_H
#define RDE_H

#include "postgres.h"

#include "core/compat.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
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

/* SPI_connect(), which can only fail where it must not. */
extern void rde_connect(void);

/*
 * Run one of rde's own statements as the extension's owner.  It is a literal and
 * always has the same types; "%s" in it stands for the extension's schema, and
 * only for that.  The caller is connected to SPI.  nulls as for
 * SPI_execute_plan.  read_only reads under the caller's snapshot, together with
 * what its statement has written so far; otherwise a new snapshot is taken.
 * Raises unless the result is `expected` (SPI_OK_SELECT ...).
 */
extern void rde_execute(const RdeHome *home, const char *statement, int nargs,
						Oid *types, Datum *values, const char *nulls,
						bool read_only, int expected);

/*
 * The same for a SELECT whose plan does not depend on its parameters' values,
 * but would be made for them each time if the planner were asked.
 */
extern void rde_read_planned_once(const RdeHome *home, const char *statement,
								  int nargs, Oid *types, Datum *values,
								  const char *nulls);

/*
 * The same for what is judged by what is committed now: under the latest
 * snapshot, however old that of the caller's transaction is.
 */
extern void rde_read_latest(const RdeHome *home, const char *statement,
							int nargs, Oid *types, Datum *values);

/* Settings (module.c) */
extern char *rde_setting_retention;
extern char *rde_setting_settle_limit;
extern char *rde_setting_time_zone;
extern char *rde_setting_base_url;
extern char *rde_setting_link_lifetime;
extern char *rde_setting_max_span;

#endif							/* RDE_H */
