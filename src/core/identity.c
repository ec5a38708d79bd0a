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
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
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

void
rde_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/*
 * Plans of rde's own statements, kept for the session: a report takes some
 * twenty of them, and planning is most of their time.  A statement is known by
 * where it stands in our code, so it must be a literal, and always be called
 * with the same types.  Plans follow what happens to tables by themselves.
 */
typedef struct StatementKey
{
	const char *statement;
	Oid			owner;
	char		schema[2 * NAMEDATALEN + 3];
} StatementKey;

typedef struct Statement
{
	StatementKey key;
	SPIPlanPtr	plan;
} Statement;

/* "%s" in a statement stands for the schema. */
static char *
in_schema(const char *statement, const char *schema)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (const char *c = statement; *c; c++)
	{
		if (c[0] == '%' && c[1] == 's')
		{
			appendStringInfoString(&sql, schema);
			c++;
		}
		else
			appendStringInfoChar(&sql, *c);
	}
	return sql.data;
}

/* To be called with the owner's identity: it is the one to plan with. */
static SPIPlanPtr
kept_plan(const RdeHome *home, const char *statement, int nargs, Oid *types,
		  int cursor_options)
{
	static HTAB *statements;
	StatementKey key = {0};
	Statement  *entry;
	SPIPlanPtr	plan;

	if (statements == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(StatementKey);
		control.entrysize = sizeof(Statement);
		statements = hash_create("rde statements", 64, &control,
								 HASH_ELEM | HASH_BLOBS);
	}
	key.statement = statement;
	key.owner = home->owner;
	strlcpy(key.schema, home->schema, sizeof(key.schema));
	entry = hash_search(statements, &key, HASH_FIND, NULL);
	if (entry)
		return entry->plan;

	plan = SPI_prepare_cursor(in_schema(statement, home->schema), nargs, types,
							  cursor_options);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s: %s",
			 SPI_result_code_string(SPI_result), statement);
	/* kept first: an entry without a plan would be the worse of the two leaks */
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	entry = hash_search(statements, &key, HASH_ENTER, NULL);
	entry->plan = plan;
	return plan;
}

/* Which rows a statement sees. */
typedef enum Sight
{
	SEES_NEW,					/* those of a new snapshot of the
								 * transaction's */
	SEES_CALLERS,				/* those the caller's snapshot does */
	SEES_LATEST					/* those that are committed now */
} Sight;

static void
push_snapshot(Sight sight)
{
	if (sight == SEES_LATEST)
	{
		/* the catalog's is the only one that REPEATABLE READ does not keep */
		InvalidateCatalogSnapshot();
		PushCopiedSnapshot(GetNonHistoricCatalogSnapshot(InvalidOid));
	}
	else
		PushCopiedSnapshot(GetActiveSnapshot());
	/* and what this statement has written so far */
	UpdateActiveSnapshotCommandId();
}

static void
execute(const RdeHome *home, const char *statement, int nargs, Oid *types,
		Datum *values, const char *nulls, Sight sight, int expected,
		int cursor_options)
{
	bool		read_only = sight != SEES_NEW;
	RdeIdentity saved;
	int			result;

	rde_identity_enter_owner(home, &saved);
	if (read_only)
		push_snapshot(sight);
	result = SPI_execute_plan(kept_plan(home, statement, nargs, types,
										cursor_options),
							  values, nulls, read_only, 0);
	if (read_only)
		PopActiveSnapshot();
	rde_identity_leave(&saved);
	if (result != expected)
		elog(ERROR, "unexpected SPI result %d of: %s", result, statement);
}

void
rde_execute(const RdeHome *home, const char *statement, int nargs, Oid *types,
			Datum *values, const char *nulls, bool read_only, int expected)
{
	execute(home, statement, nargs, types, values, nulls,
			read_only ? SEES_CALLERS : SEES_NEW, expected, 0);
}

void
rde_read_latest(const RdeHome *home, const char *statement, int nargs,
				Oid *types, Datum *values)
{
	execute(home, statement, nargs, types, values, NULL, SEES_LATEST,
			SPI_OK_SELECT, 0);
}

void
rde_read_planned_once(const RdeHome *home, const char *statement, int nargs,
					  Oid *types, Datum *values, const char *nulls)
{
	execute(home, statement, nargs, types, values, nulls, SEES_CALLERS,
			SPI_OK_SELECT, CURSOR_OPT_GENERIC_PLAN);
}
