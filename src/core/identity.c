/*
 * identity.c
 *	  Whose rights a statement runs with, and with which settings.
 *
 * Invariant: no statement runs as the extension's owner unless search_path was
 * pinned immediately before it; no statement over a source runs as anyone but
 * the source's owner.  User code may change search_path while a source is read,
 * so pinning once per build would not do.
 */
#include "core/rde.h"

#include "core/caller.h"
#include "core/version.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * What a file's bytes may not depend on: how values become text, and how the
 * strings in functions of the source are read.
 */
static const char *const pinned_settings[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "iso_8601"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"xmlbinary", "base64"},
	{"xmloption", "content"},
	{"quote_all_identifiers", "off"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"array_nulls", "on"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_time", "C"},
	{"row_security", "on"},
};

static void
pin(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

const RdeHome *
rde_home(FunctionCallInfo fcinfo)
{
	RdeHome    *home = palloc(sizeof(RdeHome));
	HeapTuple	tuple;
	Form_pg_proc proc;

	rde_check_version(fcinfo->flinfo->fn_oid);
	(void) rde_outer_caller();
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u",
			 fcinfo->flinfo->fn_oid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	home->owner = proc->proowner;
	home->schema_id = proc->pronamespace;
	home->schema = quote_identifier(get_namespace_name(proc->pronamespace));
	ReleaseSysCache(tuple);
	return home;
}

static void
save(RdeIdentity *saved)
{
	GetUserIdAndSecContext(&saved->user, &saved->security);
	saved->owner = false;
	saved->guc_level = NewGUCNestLevel();
}

void
rde_identity_enter_owner(const RdeHome *home, RdeIdentity *saved)
{
	save(saved);
	rde_caller_enter(home->owner);
	saved->owner = true;
	SetUserIdAndSecContext(home->owner,
						   saved->security | SECURITY_LOCAL_USERID_CHANGE);
	pin("search_path", "pg_catalog, pg_temp");
	pin("quote_all_identifiers", "off");	/* names of types are compared */
}

void
rde_identity_enter_source(Oid owner, const char *time_zone,
						  RdeIdentity *saved)
{
	save(saved);
	SetUserIdAndSecContext(owner,
						   saved->security | SECURITY_RESTRICTED_OPERATION);
	for (int i = 0; i < lengthof(pinned_settings); i++)
		pin(pinned_settings[i][0], pinned_settings[i][1]);
	pin("TimeZone", time_zone);
}

void
rde_identity_leave(const RdeIdentity *saved)
{
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->user, saved->security);
	if (saved->owner)
		rde_caller_leave();
}
