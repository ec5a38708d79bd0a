/*
 * described.c
 *	  The columns of a file, as its manifest names them.
 *
 * Invariant: a type is what the formats were given, not what the source has: a
 * date that the view shows as Unix seconds is of type unix.
 */
#include "format/described.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

static const char *
type_name(const RdeColumn *column)
{
	static const char *const names[] = {
		[RDE_BOOL] = "boolean",
		[RDE_INTEGER] = "integer",
		[RDE_DECIMAL] = "decimal",
		[RDE_FLOAT] = "float",
		[RDE_DATE] = "date",
		[RDE_LOCAL_TIME] = "local_time",
		[RDE_INSTANT] = "instant",
		[RDE_UNIX] = "unix",
		[RDE_TEXT] = "text",
		[RDE_JSON] = "json"
	};

	return column->transform == RDE_AS_UNIX_DATE ? "unix_date" :
		names[column->shape];
}

static void
append_member(StringInfo json, const char *key, const char *value)
{
	appendStringInfo(json, "\"%s\":", key);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

Datum
rde_columns_json(const RdeColumn *columns, int ncolumns)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < ncolumns; i++)
	{
		const RdeColumn *column = &columns[i];

		appendStringInfoString(&json, i ? ",{" : "{");
		append_member(&json, "name",
					  pg_any_to_server(column->name, strlen(column->name),
									   PG_UTF8));
		appendStringInfoChar(&json, ',');
		append_member(&json, "type", type_name(column));
		appendStringInfoChar(&json, ',');
		append_member(&json, "group", column->group);
		appendStringInfoChar(&json, ',');
		append_member(&json, "description", column->description);
		appendStringInfoChar(&json, ',');
		append_member(&json, "label", column->label == NULL ? NULL :
					  pg_any_to_server(column->label, strlen(column->label),
									   PG_UTF8));
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

PG_FUNCTION_INFO_V1(rde_value_type);

/*
 * _rde_value_type(type oid, transform text) → text: what a column of this type,
 * shown so, has in a file; NULL for no type.
 */
Datum
rde_value_type(PG_FUNCTION_ARGS)
{
	RdeColumn	column = {0};

	if (PG_ARGISNULL(0) || !OidIsValid(PG_GETARG_OID(0)))
		PG_RETURN_NULL();
	column.transform = PG_ARGISNULL(1) ? RDE_PLAIN :
		rde_transform_find(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	rde_column_prepare(&column, PG_GETARG_OID(0));
	PG_RETURN_TEXT_P(cstring_to_text(type_name(&column)));
}
