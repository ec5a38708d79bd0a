/*
 * version.c
 *	  Do the library and the SQL objects belong together?
 *
 * Invariant: no function of ours does anything while the extension it belongs to
 * has another version than the library was built with, or its schema another name
 * than its functions know.  RDE_VERSION comes from
 * the control file by way of the Makefile.
 */
#include "core/rde.h"
#include "core/version.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(rde_version);

/* Looked up once a session, and again when functions have changed. */
static bool checked = false;

static void
forget(Datum arg, int cache, uint32 hash)
{
	checked = false;
}

static char *
installed_version(Oid extension)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull = true;
	Datum		version = 0;
	char	   *result;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		version = heap_getattr(tuple, Anum_pg_extension_extversion,
							   RelationGetDescr(catalog), &isnull);
	if (isnull)
		elog(ERROR, "extension %u has no version", extension);
	result = TextDatumGetCString(version);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

/* Is the first of two versions, numbers with dots, the later one? */
static bool
is_later(const char *version, const char *other)
{
	while (*version && *other)
	{
		char	   *rest;
		char	   *other_rest;
		long		number = strtol(version, &rest, 10);
		long		other_number = strtol(other, &other_rest, 10);

		if (number != other_number)
			return number > other_number;
		if (*rest != '.' || *other_rest != '.')
			return *rest == '.';
		version = rest + 1;
		other = other_rest + 1;
	}
	return *version != '\0';
}

/*
 * Does the body of _rde_schema() return a schema's name?  In quotes or without,
 * for quote_identifier() does as quote_all_identifiers says, now and then.
 */
static bool
returns_name(const char *body, const char *name)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	for (const char *c = name; *c; c++)
	{
		if (*c == '"')
			appendStringInfoChar(&quoted, '"');
		appendStringInfoChar(&quoted, *c);
	}
	return strcmp(body, psprintf("BEGIN RETURN '%s'; END", name)) == 0 ||
		strcmp(body, psprintf("BEGIN RETURN '\"%s\"'; END", quoted.data)) == 0;
}

/*
 * Bodies of functions name the schema the extension was created in, and find
 * nothing once it is called otherwise.
 */
static void
check_schema(Oid function)
{
	Oid			schema = get_func_namespace(function);
	char	   *name = get_namespace_name(schema);
	HeapTuple	tuple = SearchSysCache3(PROCNAMEARGSNSP,
										CStringGetDatum("_rde_schema"),
										PointerGetDatum(buildoidvector(NULL, 0)),
										ObjectIdGetDatum(schema));
	bool		isnull;
	char	   *body;

	if (!HeapTupleIsValid(tuple))
		return;
	body = TextDatumGetCString(SysCacheGetAttr(PROCNAMEARGSNSP, tuple,
											   Anum_pg_proc_prosrc, &isnull));
	ReleaseSysCache(tuple);
	if (!returns_name(body, name))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the schema of extension rde was renamed to \"%s\"", name),
				 errdetail("Its functions name it as it was called when they were created: %.*s.",
						   (int) strcspn(body + strlen("BEGIN RETURN "), ";"),
						   body + strlen("BEGIN RETURN ")),
				 errhint("Rename it back with ALTER SCHEMA.")));
}

void
rde_check_version(Oid function)
{
	static bool registered = false;
	Oid			extension;
	char	   *version;

	/* the steps of an update pass through versions that are not the library's */
	if (checked || creating_extension)
		return;
	if (!registered)
	{
		CacheRegisterSyscacheCallback(PROCOID, forget, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum) 0);
		registered = true;
	}
	extension = getExtensionOfObject(ProcedureRelationId, function);
	if (!OidIsValid(extension))
		return;
	version = installed_version(extension);
	if (strcmp(version, RDE_VERSION) != 0)
	{
		char	   *name = get_extension_name(extension);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("library of extension \"%s\" is %s but its SQL objects are %s",
						name, RDE_VERSION, version),
				 is_later(RDE_VERSION, version) ?
				 errhint("ALTER EXTENSION %s UPDATE;", quote_identifier(name)) :
				 errhint("Install the library of version %s, then connect again, or restart the server if it loads the library at its start.",
						 version)));
	}
	check_schema(function);
	checked = true;
}

Datum
rde_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(RDE_VERSION));
}
