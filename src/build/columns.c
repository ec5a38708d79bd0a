/*
 * columns.c
 *	  The columns of a report's view and the conditions of its rows, and what of its
 *	  source is behind each.
 *
 * Invariant: what is wrong with one is the source's fault only if the column was
 * right when the source was attached; else it is the view's alone.
 */
#include "build/columns.h"

#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

static RdeFault *
make_fault(int code, const char *message, const char *detail,
		   const char *hint)
{
	RdeFault   *fault = palloc(sizeof(RdeFault));

	fault->code = code;
	fault->message = message;
	fault->detail = detail;
	fault->hint = hint;
	return fault;
}

void
rde_fault_raise(const RdeFault *fault)
{
	if (fault)
		ereport(ERROR,
				(errcode(fault->code),
				 errmsg("%s", fault->message),
				 fault->detail ? errdetail("%s", fault->detail) : 0,
				 errhint("%s", fault->hint)));
}

/* What of a view has nothing behind it, all in one error. */
static RdeFault *
needs_columns(const RdeReport *report, List *names)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < list_length(names); i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "",
						 (char *) list_nth(names, i));
	return make_fault(ERRCODE_UNDEFINED_COLUMN,
					  psprintf("view \"%s\" of data set \"%s\" needs columns its source does not have or expose: %s",
							   report->view, report->dataset, list.data),
					  NULL,
					  psprintf("Map them with rde_attach('%s', ..., mapping => '{\"NAME\": \"source_column\"}').",
							   report->dataset));
}

/* Each is told once, though both shown and part of a condition. */
static List *
with_name(List *names, char *name)
{
	for (int i = 0; i < list_length(names); i++)
	{
		if (strcmp(list_nth(names, i), name) == 0)
			return names;
	}
	return lappend(names, name);
}

/* Columns and conditions in one statement: what an ALTER left is never mixed. */
static const RdeStatement read_view = {
	.sql = "SELECT 0 AS part, position, column_name, source_column,"
	" expected_type, actual_type, name, transform, argument, fits, expected,"
	" field_group, description, label, NULL::pg_catalog.text AS operator,"
	" NULL::pg_catalog.jsonb AS operand, NULL::pg_catalog.oid AS type"
	" FROM %s._rde_report_columns($1, $2, $3, $4)"
	" UNION ALL SELECT 1, position, column_name, source_column,"
	" expected_type, actual_type, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
	" NULL, operator, operand, type"
	" FROM %s._rde_report_conditions($1, $2, $3) ORDER BY part, position",
	.types = {TEXTOID, TEXTOID, INT8OID, TEXTOID},
	.expected = SPI_OK_SELECT
};

enum
{
	VIEW_PART = 1, VIEW_POSITION, VIEW_COLUMN, COLUMN_SOURCE,
	COLUMN_EXPECTED_TYPE, COLUMN_ACTUAL_TYPE, COLUMN_NAME, COLUMN_TRANSFORM,
	COLUMN_ARGUMENT, COLUMN_FITS, COLUMN_EXPECTED, COLUMN_GROUP,
	COLUMN_DESCRIPTION, COLUMN_LABEL, CONDITION_OPERATOR, CONDITION_OPERAND, CONDITION_TYPE
};

/* A column of the source that is of another type than it was: its fault. */
static void
check_unchanged(RdeColumns *columns, const RdeReport *report, RdeRow row)
{
	const char *source = rde_row_text(row, COLUMN_SOURCE);
	const char *expected_type = rde_row_text(row, COLUMN_EXPECTED_TYPE);
	const char *actual_type = rde_row_text(row, COLUMN_ACTUAL_TYPE);

	if (columns->source_fault == NULL &&
		strcmp(expected_type, actual_type) != 0)
		columns->source_fault =
			make_fault(ERRCODE_DATATYPE_MISMATCH,
					   psprintf("column \"%s\" of the source of data set \"%s\" is of type %s now but was attached as %s",
								source, report->dataset, actual_type,
								expected_type),
					   NULL, "Attach the source again with rde_attach().");
}

/* A column of a type that cannot be shown so never could: the view's fault. */
static void
check_fits(RdeColumns *columns, const RdeReport *report, RdeRow row)
{
	if (columns->view_fault == NULL && !rde_row_bool(row, COLUMN_FITS))
		columns->view_fault =
			make_fault(ERRCODE_DATATYPE_MISMATCH,
					   psprintf("column \"%s\" is of type %s and cannot be shown as %s of view \"%s\"",
								rde_row_text(row, COLUMN_SOURCE),
								rde_row_text(row, COLUMN_ACTUAL_TYPE),
								rde_row_text(row, COLUMN_NAME), report->view),
					   psprintf("Expected is %s.",
								rde_row_text(row, COLUMN_EXPECTED)),
					   "Map another column with rde_attach(), or attach a view that casts it.");
}

static void
read_column(RdeColumn *column, RdeRow row)
{
	const char *name = rde_row_text(row, COLUMN_NAME);
	const char *transform = rde_row_text_or_null(row, COLUMN_TRANSFORM);
	const char *label = rde_row_text_or_null(row, COLUMN_LABEL);
	size_t		len;

	column->name = rde_text_to_utf8(name, strlen(name), &len);
	if (label)
		column->label = rde_text_to_utf8(label, strlen(label), &len);
	column->argument = rde_row_text_or_null(row, COLUMN_ARGUMENT);
	column->group = rde_row_text_or_null(row, COLUMN_GROUP);
	column->description = rde_row_text_or_null(row, COLUMN_DESCRIPTION);
	column->transform = transform == NULL ? RDE_PLAIN :
		rde_transform_find(transform);
}

static void
read_condition(RdeColumns *columns, RdeCondition *condition,
			   const RdeReport *report, RdeRow row)
{
	const char *problem = rde_condition_read(condition,
											 rde_row_text(row, CONDITION_OPERATOR),
											 DatumGetJsonbP(rde_row_copy(row, CONDITION_OPERAND)),
											 rde_row_oid(row, CONDITION_TYPE));

	condition->column = rde_row_text(row, COLUMN_SOURCE);
	if (problem && columns->view_fault == NULL)
		columns->view_fault =
			make_fault(ERRCODE_DATATYPE_MISMATCH,
					   psprintf("condition %d of view \"%s\", on column \"%s\", %s",
								rde_row_int32(row, VIEW_POSITION),
								report->view, rde_row_text(row, VIEW_COLUMN),
								problem),
					   NULL,
					   "Give the view other conditions with rde_alter_view().");
}

/* A condition as it was told, for the manifest. */
static void
show_condition(StringInfo json, RdeRow row)
{
	Jsonb	   *operand = DatumGetJsonbP(rde_row_datum(row, CONDITION_OPERAND));

	appendStringInfoString(json, json->len > 1 ? ",{\"column\":" :
						   "{\"column\":");
	escape_json(json, rde_row_text(row, VIEW_COLUMN));
	appendStringInfo(json, ",\"%s\":%s}",
					 rde_row_text(row, CONDITION_OPERATOR),
					 JsonbToCString(NULL, &operand->root,
									VARSIZE(operand)));
}

/* What the statement returned; its rows are those of columns first. */
static RdeColumns *
collect(const RdeReport *report, const char *amount, StringInfo sql)
{
	RdeColumns *columns = palloc0(sizeof(RdeColumns));
	int			nrows = SPI_processed;
	List	   *gone = NIL;
	List	   *unknown = NIL;
	StringInfoData json;

	columns->columns = palloc0(sizeof(RdeColumn) * nrows);
	columns->conditions = palloc0(sizeof(RdeCondition) * nrows);
	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < nrows; i++)
	{
		RdeRow		row = rde_row(i);
		RdeColumn  *column = NULL;

		if (rde_row_int32(row, VIEW_PART) == 0)
		{
			column = &columns->columns[columns->count++];
			read_column(column, row);
		}
		else
			show_condition(&json, row);
		if (rde_row_is_null(row, COLUMN_SOURCE))
			unknown = with_name(unknown, rde_row_text(row, VIEW_COLUMN));
		else if (rde_row_is_null(row, COLUMN_ACTUAL_TYPE))
			gone = with_name(gone, rde_row_text(row, VIEW_COLUMN));
		else
		{
			const char *source = rde_row_text(row, COLUMN_SOURCE);

			check_unchanged(columns, report, row);
			if (column == NULL)
			{
				read_condition(columns,
							   &columns->conditions[columns->nconditions++],
							   report, row);
				continue;
			}
			check_fits(columns, report, row);
			appendStringInfo(sql, "%ss.%s", columns->count > 1 ? ", " : "",
							 quote_identifier(source));
			column->amount = amount && strcmp(source, amount) == 0;
		}
	}
	appendStringInfoChar(&json, ']');
	columns->conditions_json = json.data;
	if (gone)
		columns->source_fault = needs_columns(report, gone);
	if (unknown)
		columns->view_fault = needs_columns(report, unknown);
	return columns;
}

RdeColumns *
rde_columns_load(const RdeHome *home, const RdeReport *report,
				 const char *amount, StringInfo sql, MemoryContext context)
{
	const char *locale = report->options.locale;
	char		nulls[] = {
		' ', ' ', report->has_reseller ? ' ' : 'n', locale ? ' ' : 'n', '\0'
	};
	Datum		values[] = {
		CStringGetTextDatum(report->dataset),
		CStringGetTextDatum(report->view),
		Int64GetDatum(report->reseller),
		locale ? CStringGetTextDatum(locale) : (Datum) 0
	};
	RdeColumns *columns;
	MemoryContext old;

	rde_execute(home, &read_view, values, nulls);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("data set \"%s\" has no view \"%s\"",
						report->dataset, report->view),
				 errhint("The view rde_view_columns lists the views there are.")));
	old = MemoryContextSwitchTo(context);
	columns = collect(report, amount, sql);
	MemoryContextSwitchTo(old);
	return columns;
}

void
rde_dataset_check_view(const RdeHome *home, const char *dataset,
					   const char *view, bool has_reseller, int64 reseller)
{
	RdeReport	report = {0};
	StringInfoData sql;

	report.dataset = dataset;
	report.view = view;
	report.has_reseller = has_reseller;
	report.reseller = reseller;
	rde_connect();
	initStringInfo(&sql);
	rde_fault_raise(rde_columns_load(home, &report, NULL, &sql,
									 CurrentMemoryContext)->view_fault);
	SPI_finish();
}

PG_FUNCTION_INFO_V1(rde_base_type_sql);
PG_FUNCTION_INFO_V1(rde_check_view);

/* _rde_base_type(oid) → oid */
Datum
rde_base_type_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(getBaseType(PG_GETARG_OID(0)));
}

/*
 * _rde_check_view(dataset text, view text, reseller bigint).  Raises 42703 or
 * 42804 for a view that needs columns which the source does not have, or has of
 * another type, or whose conditions do not fit theirs.
 */
Datum
rde_check_view(PG_FUNCTION_ARGS)
{
	rde_dataset_check_view(rde_home(fcinfo),
						   text_to_cstring(PG_GETARG_TEXT_PP(0)),
						   text_to_cstring(PG_GETARG_TEXT_PP(1)),
						   !PG_ARGISNULL(2),
						   PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2));
	PG_RETURN_VOID();
}
