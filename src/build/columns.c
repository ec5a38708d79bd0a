/*
 * columns.c
 *	  The columns of a report's view, and what of its source is behind each.
 *
 * Invariant: what is wrong with a column is the source's fault only if the column
 * was right when the source was attached; else it is the view's alone.
 */
#include "build/columns.h"

#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
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

/* A view's columns that have nothing behind them, all in one error. */
static RdeFault *
needs_columns(const RdeReport *report, const char *names)
{
	return make_fault(ERRCODE_UNDEFINED_COLUMN,
					  psprintf("view \"%s\" of data set \"%s\" needs columns its source does not have or expose: %s",
							   report->view, report->dataset, names),
					  NULL,
					  psprintf("Map them with rde_attach('%s', ..., mapping => '{\"NAME\": \"source_column\"}').",
							   report->dataset));
}

static void
append_name(StringInfo names, const char *name)
{
	appendStringInfo(names, "%s%s", names->len ? ", " : "", name);
}

static const RdeStatement read_columns = {
	.sql = "SELECT name, column_name, transform, argument, source_column,"
	" expected_type, actual_type, fits, expected, field_group, description"
	" FROM %s._rde_report_columns($1, $2, $3) ORDER BY position",
	.types = {TEXTOID, TEXTOID, INT8OID},
	.expected = SPI_OK_SELECT
};

enum
{
	COLUMN_NAME = 1, COLUMN_OF_VIEW, COLUMN_TRANSFORM, COLUMN_ARGUMENT,
	COLUMN_SOURCE, COLUMN_EXPECTED_TYPE, COLUMN_ACTUAL_TYPE, COLUMN_FITS,
	COLUMN_EXPECTED, COLUMN_GROUP, COLUMN_DESCRIPTION
};

/*
 * What is wrong with a column by its types: the source's fault if it has changed,
 * the view's if it never fitted.
 */
static void
check_types(RdeColumns *columns, const RdeReport *report, RdeRow row)
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
	if (columns->view_fault == NULL && !rde_row_bool(row, COLUMN_FITS))
		columns->view_fault =
			make_fault(ERRCODE_DATATYPE_MISMATCH,
					   psprintf("column \"%s\" is of type %s and cannot be shown as %s of view \"%s\"",
								source, actual_type,
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
	size_t		len;

	column->name = rde_text_to_utf8(name, strlen(name), &len);
	column->argument = rde_row_text_or_null(row, COLUMN_ARGUMENT);
	column->group = rde_row_text_or_null(row, COLUMN_GROUP);
	column->description = rde_row_text_or_null(row, COLUMN_DESCRIPTION);
	column->transform = transform == NULL ? RDE_PLAIN :
		rde_transform_find(transform);
}

RdeColumns *
rde_columns_load(const RdeHome *home, const RdeReport *report,
				 const char *amount, StringInfo sql, MemoryContext context)
{
	char		nulls[] = {' ', ' ', report->has_reseller ? ' ' : 'n', '\0'};
	Datum		values[] = {
		CStringGetTextDatum(report->dataset),
		CStringGetTextDatum(report->view),
		Int64GetDatum(report->reseller)
	};
	RdeColumns *columns;
	StringInfoData gone;
	StringInfoData unknown;
	MemoryContext old;

	rde_execute(home, &read_columns, values, nulls);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("data set \"%s\" has no view \"%s\"",
						report->dataset, report->view),
				 errhint("The view rde_view_columns lists the views there are.")));

	old = MemoryContextSwitchTo(context);
	initStringInfo(&gone);
	initStringInfo(&unknown);
	columns = palloc0(sizeof(RdeColumns));
	columns->count = SPI_processed;
	columns->columns = palloc0(sizeof(RdeColumn) * columns->count);
	for (int i = 0; i < columns->count; i++)
	{
		RdeRow		row = rde_row(i);

		read_column(&columns->columns[i], row);
		if (rde_row_is_null(row, COLUMN_SOURCE))
			append_name(&unknown, rde_row_text(row, COLUMN_OF_VIEW));
		else if (rde_row_is_null(row, COLUMN_ACTUAL_TYPE))
			append_name(&gone, rde_row_text(row, COLUMN_OF_VIEW));
		else
		{
			const char *source = rde_row_text(row, COLUMN_SOURCE);

			check_types(columns, report, row);
			appendStringInfo(sql, "%ss.%s", i ? ", " : "",
							 quote_identifier(source));
			columns->columns[i].amount = amount &&
				strcmp(source, amount) == 0;
		}
	}
	if (gone.len > 0)
		columns->source_fault = needs_columns(report, gone.data);
	if (unknown.len > 0)
		columns->view_fault = needs_columns(report, unknown.data);
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
 * another type.
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
