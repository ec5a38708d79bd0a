/*
 * query.c
 *	  Catalog -> data set, view and source -> one SELECT with parameters.
 *
 * Invariant: the SELECT holds identifiers only as the system catalog spells
 * them, through quote_identifier; everything a user chose per report (period,
 * reseller) is a parameter.
 */
#include "build/query.h"

#include "access/relation.h"
#include "access/table.h"
#include "core/calendar.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* _rde_source, as rde_attach was told. */
typedef struct Source
{
	Oid			relation;
	const char *reseller;
	const char *period;
	int			nkeys;
	char	  **keys;
	const char *amount;			/* NULL where there is none, as below */
	const char *currency;
	const char *invoice;
	const char *change;
} Source;

static char *
column_text(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						column);
}

/* Names in a name[] datum. */
static char **
name_array(Datum datum, int *count)
{
	Datum	   *elements;
	char	  **names;

	deconstruct_array(DatumGetArrayTypeP(datum), NAMEOID, NAMEDATALEN, false,
					  TYPALIGN_CHAR, &elements, NULL, count);
	names = palloc(sizeof(char *) * *count);
	for (int i = 0; i < *count; i++)
		names[i] = pstrdup(NameStr(*DatumGetName(elements[i])));
	return names;
}

void
rde_dataset_not_attached(const char *dataset)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("data set \"%s\" is not attached", dataset),
			 errhint("Say where its rows are with rde_attach('%s', ...).",
					 dataset)));
}

static Source *
load_source(const RdeHome *home, const RdeReport *report)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(report->dataset)};
	Source	   *source = palloc0(sizeof(Source));
	bool		isnull;

	rde_execute(home,
				"SELECT relation::oid, reseller_column, period_column,"
				" key_columns, amount_column, currency_column,"
				" invoice_column, change_column"
				" FROM %s._rde_source WHERE dataset = $1",
				1, types, values, NULL, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		rde_dataset_not_attached(report->dataset);
	source->relation =
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
									   SPI_tuptable->tupdesc, 1, &isnull));
	source->reseller = column_text(0, 2);
	source->period = column_text(0, 3);
	source->keys = name_array(SPI_getbinval(SPI_tuptable->vals[0],
											SPI_tuptable->tupdesc, 4,
											&isnull),
							  &source->nkeys);
	source->amount = column_text(0, 5);
	source->currency = column_text(0, 6);
	source->invoice = column_text(0, 7);
	source->change = column_text(0, 8);
	return source;
}

/* A role column's attribute in the source as it is today. */
static Form_pg_attribute
role_attribute(Relation relation, const RdeReport *report, const char *name)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped &&
			strcmp(NameStr(attribute->attname), name) == 0)
			return attribute;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of the source of data set \"%s\" is gone",
					name, report->dataset),
			 errhint("Attach the source again with rde_attach().")));
}

static void
wrong_type(const char *name, Oid type, const char *use, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is of type %s and cannot be used as %s",
					name, format_type_be(type), use),
			 errdetail("Expected is %s.", expected),
			 errhint("Attach the source again with rde_attach(), or attach a view that casts the column.")));
}

static int
add_parameter(RdeQuery *query, Oid type, Datum value)
{
	Assert(query->nargs < RDE_MAX_QUERY_ARGS);
	query->types[query->nargs] = type;
	query->values[query->nargs] = value;
	return ++query->nargs;
}

/* Unix seconds of the first whole second that is not before the instant. */
static int64
unix_seconds_from(TimestampTz instant)
{
	int64		seconds = instant / USECS_PER_SEC;

	if (seconds * USECS_PER_SEC < instant)
		seconds++;
	return seconds +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

/* An instant as a bound for the period column: compare with >= and <. */
static int
add_period_bound(RdeQuery *query, Form_pg_attribute period,
				 const RdeReport *report, TimestampTz instant)
{
	switch (getBaseType(period->atttypid))
	{
		case TIMESTAMPTZOID:
			return add_parameter(query, TIMESTAMPTZOID,
								 TimestampTzGetDatum(instant));
		case DATEOID:
			return add_parameter(query, DATEOID,
								 DateADTGetDatum(rde_first_day_from(instant,
																	report->zone)));
		case INT8OID:
			return add_parameter(query, INT8OID,
								 Int64GetDatum(unix_seconds_from(instant)));
		default:
			wrong_type(NameStr(period->attname), period->atttypid, "period",
					   "date, timestamptz, or bigint with Unix seconds");
	}
	return 0;					/* not reached */
}

static const char *
qualified(Form_pg_attribute attribute)
{
	return psprintf("s.%s", quote_identifier(NameStr(attribute->attname)));
}

/* Begin another condition of the WHERE clause. */
static void
begin_condition(StringInfo sql, bool *first)
{
	appendStringInfoString(sql, *first ? " WHERE " : " AND ");
	*first = false;
}

/*
 * Rows of the report's resellers: one of them, or any of several.  The type
 * compared with is the column's own kind, so that its index can be used.
 */
static void
add_resellers(RdeQuery *query, StringInfo sql, Form_pg_attribute reseller,
			  const RdeReport *report)
{
	Oid			type;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *numbers;
	int			count;

	deconstruct_array(report->resellers, INT8OID, sizeof(int64),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &numbers, NULL,
					  &count);
	switch (getBaseType(reseller->atttypid))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			type = INT8OID;
			break;
		case NUMERICOID:
			type = NUMERICOID;
			for (int i = 0; i < count; i++)
				numbers[i] = DirectFunctionCall1(int8_numeric, numbers[i]);
			break;
		case TEXTOID:
		case VARCHAROID:
			type = TEXTOID;
			for (int i = 0; i < count; i++)
				numbers[i] = CStringGetTextDatum(psprintf(INT64_FORMAT,
														  DatumGetInt64(numbers[i])));
			break;
		default:
			wrong_type(NameStr(reseller->attname), reseller->atttypid,
					   "reseller",
					   "smallint, integer, bigint, numeric or text");
	}
	appendStringInfoString(sql, qualified(reseller));
	if (count == 1)
		appendStringInfo(sql, " = $%d",
						 add_parameter(query, type, numbers[0]));
	else
	{
		get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
		appendStringInfo(sql, " = ANY ($%d)",
						 add_parameter(query, get_array_type(type),
									   PointerGetDatum(construct_array(numbers, count, type,
																	   typlen, typbyval,
																	   typalign))));
	}
}

/* Rows of the report's invoice, whose number was read as text. */
static void
add_invoice(RdeQuery *query, StringInfo sql, Relation relation,
			const Source *source, const RdeReport *report)
{
	Form_pg_attribute invoice;
	Oid			type;
	Oid			input;
	Oid			param;

	if (source->invoice == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("data set \"%s\" has no invoice column",
						report->dataset),
				 errhint("Attach its source again with rde_attach('%s', ..., invoice => 'column').",
						 report->dataset)));
	invoice = role_attribute(relation, report, source->invoice);
	type = getBaseType(invoice->atttypid);
	switch (type)
	{
		case INT2OID:
		case INT4OID:
			type = INT8OID;
			break;
		case INT8OID:
		case NUMERICOID:
		case UUIDOID:
			break;
		default:
			type = TEXTOID;
	}
	getTypeInputInfo(type, &input, &param);
	appendStringInfo(sql, "%s%s = $%d", qualified(invoice),
					 type == TEXTOID ? "::pg_catalog.text" : "",
					 add_parameter(query, type,
								   OidInputFunctionCall(input,
														unconstify(char *, report->invoice),
														param, -1)));
}

/* Rows that became visible after the last window's snapshot. */
static void
add_window(RdeQuery *query, StringInfo sql, Relation relation,
		   const Source *source, const RdeReport *report,
		   const RdeWindow *window)
{
	Form_pg_attribute change;

	if (source->change == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("data set \"%s\" has no change column any more",
						report->dataset),
				 errhint("Attach its source with one, or drop the report: rde_run_generator() makes one of chosen days.")));
	change = role_attribute(relation, report, source->change);
	if (getBaseType(change->atttypid) != XID8OID)
		wrong_type(NameStr(change->attname), change->atttypid, "change",
				   "xid8");
	/* the first two are for an index, the others decide */
	appendStringInfo(sql, "%s >= $%d AND ", qualified(change),
					 add_parameter(query, XID8OID, window->from_xmin));
	query->window_xmax = query->nargs;
	appendStringInfo(sql, "%s < $%d AND ", qualified(change),
					 add_parameter(query, XID8OID, window->to_xmax));
	appendStringInfo(sql, "NOT pg_catalog.pg_visible_in_snapshot(%s, $%d)",
					 qualified(change),
					 add_parameter(query, PG_SNAPSHOTOID, window->from));
	/* COPY FREEZE shows rows before their transaction is seen */
	query->window_end = query->nargs;
	appendStringInfo(sql, " AND pg_catalog.pg_visible_in_snapshot(%s, $%d)",
					 qualified(change),
					 add_parameter(query, PG_SNAPSHOTOID, window->to));
}

/* The WHERE clause. */
static void
add_conditions(RdeQuery *query, StringInfo sql, Relation relation,
			   const Source *source, const RdeReport *report,
			   const RdeWindow *window)
{
	Form_pg_attribute period = role_attribute(relation, report,
											  source->period);
	bool		first = true;

	if (report->invoice)
	{
		begin_condition(sql, &first);
		add_invoice(query, sql, relation, source, report);
	}
	else if (window)
	{
		begin_condition(sql, &first);
		add_window(query, sql, relation, source, report, window);
	}
	else
	{
		begin_condition(sql, &first);
		appendStringInfo(sql, "%s >= $%d", qualified(period),
						 add_period_bound(query, period, report,
										  report->period_from));
		begin_condition(sql, &first);
		appendStringInfo(sql, "%s < $%d", qualified(period),
						 add_period_bound(query, period, report,
										  report->period_to));
	}
	if (!report->all_resellers)
	{
		begin_condition(sql, &first);
		add_resellers(query, sql, role_attribute(relation, report,
												 source->reseller), report);
	}
}

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

static void
raise_fault(const RdeFault *fault)
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

/*
 * What is wrong with column i, of those SPI returned, by its types: the source's
 * fault if it has changed, the view's if it never fitted.
 */
static void
check_types(RdeQuery *query, const RdeReport *report, int i)
{
	const char *source = column_text(i, 5);
	const char *expected_type = column_text(i, 6);
	const char *actual_type = column_text(i, 7);

	if (query->source_fault == NULL &&
		strcmp(expected_type, actual_type) != 0)
		query->source_fault =
			make_fault(ERRCODE_DATATYPE_MISMATCH,
					   psprintf("column \"%s\" of the source of data set \"%s\" is of type %s now but was attached as %s",
								source, report->dataset, actual_type,
								expected_type),
					   NULL, "Attach the source again with rde_attach().");
	if (query->view_fault == NULL && strcmp(column_text(i, 8), "f") == 0)
		query->view_fault =
			make_fault(ERRCODE_DATATYPE_MISMATCH,
					   psprintf("column \"%s\" is of type %s and cannot be shown as %s of view \"%s\"",
								source, actual_type, column_text(i, 1),
								report->view),
					   psprintf("Expected is %s.", column_text(i, 9)),
					   "Map another column with rde_attach(), or attach a view that casts it.");
}

static void
read_column(RdeColumn *column, int i)
{
	const char *name = column_text(i, 1);
	const char *transform = column_text(i, 3);
	size_t		len;

	column->name = rde_text_to_utf8(name, strlen(name), &len);
	column->argument = column_text(i, 4);
	column->transform = transform == NULL ? RDE_PLAIN :
		strcmp(transform, "unix") == 0 ? RDE_AS_UNIX :
		strcmp(transform, "unix_date") == 0 ? RDE_AS_UNIX_DATE :
		strcmp(transform, "attribute") == 0 ? RDE_ATTRIBUTE : RDE_LOCALE;
}

/*
 * The report's columns with the source column behind each, into the SELECT's
 * list, and what is wrong with them into the query.  amount is the source's
 * column of amounts, or NULL.  Everything is allocated in the given context.
 */
static void
add_columns(const RdeHome *home, RdeQuery *query, const RdeReport *report,
			const char *amount, StringInfo sql, MemoryContext context)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT8OID};
	char		nulls[] = {' ', ' ', report->has_reseller ? ' ' : 'n', '\0'};
	Datum		values[] = {
		CStringGetTextDatum(report->dataset),
		CStringGetTextDatum(report->view),
		Int64GetDatum(report->reseller)
	};
	StringInfoData gone;
	StringInfoData unknown;
	MemoryContext old;

	rde_execute(home,
				"SELECT name, column_name, transform, argument, source_column,"
				" expected_type, actual_type, fits, expected"
				" FROM %s._rde_report_columns($1, $2, $3) ORDER BY position",
				3, types, values, nulls, false, SPI_OK_SELECT);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("data set \"%s\" has no view \"%s\"",
						report->dataset, report->view),
				 errhint("The view rde_view_columns lists the views there are.")));

	old = MemoryContextSwitchTo(context);
	initStringInfo(&gone);
	initStringInfo(&unknown);
	query->ncolumns = SPI_processed;
	query->columns = palloc0(sizeof(RdeColumn) * query->ncolumns);
	for (int i = 0; i < query->ncolumns; i++)
	{
		const char *source = column_text(i, 5);

		read_column(&query->columns[i], i);
		if (source == NULL)
			append_name(&unknown, column_text(i, 2));
		else if (column_text(i, 7) == NULL)
			append_name(&gone, column_text(i, 2));
		else
		{
			check_types(query, report, i);
			appendStringInfo(sql, "%ss.%s", i ? ", " : "",
							 quote_identifier(source));
			query->columns[i].amount = amount && strcmp(source, amount) == 0;
		}
	}
	if (gone.len > 0)
		query->source_fault = needs_columns(report, gone.data);
	if (unknown.len > 0)
		query->view_fault = needs_columns(report, unknown.data);
	MemoryContextSwitchTo(old);
}

void
rde_dataset_check_columns(const RdeQuery *query)
{
	raise_fault(query->view_fault);
}

void
rde_dataset_check_view(const RdeHome *home, const char *dataset,
					   const char *view, bool has_reseller, int64 reseller)
{
	RdeReport	report = {0};
	RdeQuery	query = {0};
	StringInfoData sql;

	report.dataset = dataset;
	report.view = view;
	report.has_reseller = has_reseller;
	report.reseller = reseller;
	rde_connect();
	initStringInfo(&sql);
	add_columns(home, &query, &report, NULL, &sql, CurrentMemoryContext);
	raise_fault(query.view_fault);
	SPI_finish();
}

PG_FUNCTION_INFO_V1(rde_check_view);

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

RdeQuery *
rde_dataset_query(const RdeHome *home, const RdeReport *report,
				  const RdeWindow *window)
{
	MemoryContext context = CurrentMemoryContext;
	RdeQuery   *query = palloc0(sizeof(RdeQuery));
	StringInfoData sql;
	Source	   *source;
	Relation	relation;
	int			place;

	query->window_xmax = query->window_end = -1;
	rde_connect();
	source = load_source(home, report);
	relation = try_relation_open(source->relation, AccessShareLock);
	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the source of data set \"%s\" no longer exists",
						report->dataset),
				 errhint("Attach another with rde_attach().")));
	query->relation = relation;
	query->owner = relation->rd_rel->relowner;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	add_columns(home, query, report, source->amount, &sql, context);
	raise_fault(query->source_fault);
	place = query->ncolumns;
	query->amount = query->currency = -1;
	if (source->amount)
	{
		appendStringInfo(&sql, ", %s::pg_catalog.numeric",
						 qualified(role_attribute(relation, report,
												  source->amount)));
		query->amount = place++;
	}
	if (source->currency)
	{
		Form_pg_attribute currency = role_attribute(relation, report,
													source->currency);

		/* a cast of char(n) would copy every value to cut its blanks */
		query->currency_padded = getBaseType(currency->atttypid) == BPCHAROID;
		appendStringInfo(&sql, ", %s%s", qualified(currency),
						 query->currency_padded ? "" : "::pg_catalog.text");
		query->currency = place++;
	}

	appendStringInfo(&sql, " FROM %s.%s AS s",
					 quote_identifier(get_namespace_name(RelationGetNamespace(relation))),
					 quote_identifier(RelationGetRelationName(relation)));
	/* parameters are the query's: they outlive the SPI connection */
	MemoryContextSwitchTo(context);
	add_conditions(query, &sql, relation, source, report, window);
	appendStringInfo(&sql, " ORDER BY %s",
					 qualified(role_attribute(relation, report,
											  source->period)));
	for (int i = 0; i < source->nkeys; i++)
		appendStringInfo(&sql, ", %s",
						 qualified(role_attribute(relation, report,
												  source->keys[i])));
	query->sql = pstrdup(sql.data);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return query;
}

void
rde_query_close(RdeQuery *query)
{
	relation_close(query->relation, NoLock);
}
