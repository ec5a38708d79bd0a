/*
 * statement.c
 *	  rde's own statements: their plans, and running them.
 *
 * Invariant: a statement is planned and run as the extension's owner, with
 * search_path pinned immediately before.
 */
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

Datum
rde_array(Datum *elements, bool *nulls, int count, Oid type)
{
	int			lower = 1;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &count,
											  &lower, type, length, by_value,
											  align));
}

Datum
rde_uuid_array(const pg_uuid_t *ids, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		elements[i] = UUIDPGetDatum(&ids[i]);
	return rde_array(elements, NULL, count, UUIDOID);
}

void
rde_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/*
 * Plans are kept for the session: a report takes some twenty statements, and
 * planning is most of their time.  A statement is known by its address.  Plans
 * follow what happens to tables by themselves.
 */
typedef struct PlanKey
{
	const RdeStatement *statement;
	Oid			owner;
	char		schema[2 * NAMEDATALEN + 3];
} PlanKey;

typedef struct KeptPlan
{
	PlanKey		key;
	SPIPlanPtr	plan;
} KeptPlan;

/* "%s" in a statement stands for the schema. */
static char *
in_schema(const char *sql, const char *schema)
{
	StringInfoData text;

	initStringInfo(&text);
	for (const char *c = sql; *c; c++)
	{
		if (c[0] == '%' && c[1] == 's')
		{
			appendStringInfoString(&text, schema);
			c++;
		}
		else
			appendStringInfoChar(&text, *c);
	}
	return text.data;
}

static SPIPlanPtr
prepare(const RdeHome *home, const RdeStatement *statement)
{
	Oid			types[RDE_MAX_ARGUMENTS + 1];
	int			nargs = 0;
	SPIPlanPtr	plan;

	memcpy(types, statement->types, sizeof(types));
	while (OidIsValid(types[nargs]))
		nargs++;
	plan = SPI_prepare_cursor(in_schema(statement->sql, home->schema), nargs,
							  types, statement->planned_once ?
							  CURSOR_OPT_GENERIC_PLAN : 0);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s: %s",
			 SPI_result_code_string(SPI_result), statement->sql);
	/* kept first: an entry without a plan would be the worse of the two leaks */
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	return plan;
}

/* To be called with the owner's identity: it is the one to plan with. */
static SPIPlanPtr
kept_plan(const RdeHome *home, const RdeStatement *statement)
{
	static HTAB *plans;
	PlanKey		key = {0};
	KeptPlan   *entry;
	SPIPlanPtr	plan;

	if (plans == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(PlanKey);
		control.entrysize = sizeof(KeptPlan);
		plans = hash_create("rde statements", 64, &control,
							HASH_ELEM | HASH_BLOBS);
	}
	key.statement = statement;
	key.owner = home->owner;
	strlcpy(key.schema, home->schema, sizeof(key.schema));
	entry = hash_search(plans, &key, HASH_FIND, NULL);
	if (entry)
		return entry->plan;
	plan = prepare(home, statement);
	entry = hash_search(plans, &key, HASH_ENTER, NULL);
	entry->plan = plan;
	return plan;
}

static void
push_snapshot(RdeSight sight)
{
	if (sight == RDE_SEES_LATEST)
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

void
rde_execute(const RdeHome *home, const RdeStatement *statement,
			Datum *values, const char *nulls)
{
	bool		read_only = statement->sight != RDE_SEES_NEW;
	RdeIdentity saved;
	int			result;

	rde_identity_enter_owner(home, &saved);
	if (read_only)
		push_snapshot(statement->sight);
	result = SPI_execute_plan(kept_plan(home, statement), values, nulls,
							  read_only, 0);
	if (read_only)
		PopActiveSnapshot();
	rde_identity_leave(&saved);
	if (result != statement->expected)
		elog(ERROR, "unexpected SPI result %d of: %s", result,
			 statement->sql);
}
