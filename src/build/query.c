/*
 * query.c
 *	  Catalog -> data set, view and source -> one SELECT with parameters.
 *
 * Invariant: the SELECT holds identifiers only as the system catalog spells
 * them, through quote_identifier; everything a user chose per report (period,
 * reseller) or for a view (values of its conditions) is a parameter.
 */
#include "build/query.h"

#include "core/row.h"
#include "core/statement.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* Parameters beside those of a view's conditions, at most. */
#define MAX_OWN_PARAMETERS	8

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
	bool		from_elsewhere;
} Source;

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
			 err_generic_string(PG_DIAG_COLUMN_NAME, "dataset"),
			 errhint("Say where its rows are with rde_attach('%s', ...).",
					 dataset)));
}

static const RdeStatement read_source = {
	.sql = "SELECT relation::oid, reseller_column, period_column,"
	" key_columns, amount_column, currency_column,"
	" invoice_column, change_column,"
	" watermark IS NOT NULL OR delay IS NOT NULL"
	" FROM %s._rde_source WHERE dataset = $1",
	.types = {TEXTOID},
	.expected = SPI_OK_SELECT
};

enum
{
	SOURCE_RELATION = 1, SOURCE_RESELLER, SOURCE_PERIOD, SOURCE_KEYS,
	SOURCE_AMOUNT, SOURCE_CURRENCY, SOURCE_INVOICE, SOURCE_CHANGE,
	SOURCE_FROM_ELSEWHERE
};

static Source *
load_source(const RdeHome *home, const RdeReport *report)
{
	Datum		values[] = {CStringGetTextDatum(report->dataset)};
	Source	   *source = palloc0(sizeof(Source));
	RdeRow		row;

	rde_execute(home, &read_source, values, NULL);
	if (SPI_processed == 0)
		rde_dataset_not_attached(report->dataset);
	row = rde_row(0);
	source->relation = rde_row_oid(row, SOURCE_RELATION);
	source->reseller = rde_row_text(row, SOURCE_RESELLER);
	source->period = rde_row_text(row, SOURCE_PERIOD);
	source->keys = name_array(rde_row_datum(row, SOURCE_KEYS),
							  &source->nkeys);
	source->amount = rde_row_text_or_null(row, SOURCE_AMOUNT);
	source->currency = rde_row_text_or_null(row, SOURCE_CURRENCY);
	source->invoice = rde_row_text_or_null(row, SOURCE_INVOICE);
	source->change = rde_row_text_or_null(row, SOURCE_CHANGE);
	source->from_elsewhere = rde_row_bool(row, SOURCE_FROM_ELSEWHERE);
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
	query->types[query->nargs] = type;
	query->values[query->nargs] = value;
	return ++query->nargs;
}

static const char *
qualified(Form_pg_attribute attribute)
{
	return psprintf("s.%s", quote_identifier(NameStr(attribute->attname)));
}

/* Rows of the report's period. */
static void
add_period(RdeQuery *query, StringInfo sql, Form_pg_attribute period,
		   const RdeReport *report)
{
	Oid			type = getBaseType(period->atttypid);
	RdeCuts    *cuts;

	if (!rde_cuts_possible(type))
		wrong_type(NameStr(period->attname), period->atttypid, "period",
				   "date, timestamptz, or bigint with Unix seconds");
	cuts = rde_cuts_create(type, report->period_from, report->period_to,
						   report->zone);
	query->cuts = cuts;
	query->period_column = qualified(period);
	query->period_from = query->nargs;
	appendStringInfo(sql, "%s >= $%d AND ", query->period_column,
					 add_parameter(query, type, rde_cuts_datum(cuts, 0)));
	query->period_to = query->nargs;
	appendStringInfo(sql, "%s < $%d", query->period_column,
					 add_parameter(query, type,
								   rde_cuts_datum(cuts, RDE_SLICES)));
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

/* What the view asks of its rows. */
static void
add_view_conditions(RdeQuery *query, StringInfo sql, bool *first,
					const RdeColumns *columns)
{
	for (int i = 0; i < columns->nconditions; i++)
	{
		const RdeCondition *condition = &columns->conditions[i];

		begin_condition(sql, first);
		rde_condition_append(sql, condition, OidIsValid(condition->type) ?
							 add_parameter(query, condition->type,
										   condition->value) : 0);
	}
}

/* The WHERE clause. */
static void
add_conditions(RdeQuery *query, StringInfo sql, Relation relation,
			   const Source *source, const RdeReport *report,
			   const RdeWindow *window, const RdeColumns *columns)
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
		add_period(query, sql, period, report);
	}
	if (!report->all_resellers)
	{
		begin_condition(sql, &first);
		add_resellers(query, sql, role_attribute(relation, report,
												 source->reseller), report);
	}
	/* values of one that is not right may be missing */
	if (columns->view_fault == NULL)
		add_view_conditions(query, sql, &first, columns);
}

void
rde_dataset_check_columns(const RdeQuery *query)
{
	rde_fault_raise(query->view_fault);
}

/* What rows are ordered by: as in the file, and as the files are, if several. */
static char *
row_order(Relation relation, const Source *source, const RdeReport *report,
		  bool by_reseller)
{
	StringInfoData list;

	initStringInfo(&list);
	if (by_reseller)
		appendStringInfo(&list, "%s, ",
						 qualified(role_attribute(relation, report,
												  source->reseller)));
	appendStringInfoString(&list, qualified(role_attribute(relation, report,
														   source->period)));
	for (int i = 0; i < source->nkeys; i++)
		appendStringInfo(&list, ", %s",
						 qualified(role_attribute(relation, report,
												  source->keys[i])));
	return list.data;
}

/*
 * Behind the report's columns: amount and currency, for the totals, and what rows
 * are ordered by.  What is not in the list would have to be taken out of every row.
 */
static void
add_hidden(RdeQuery *query, StringInfo sql, Relation relation,
		   const Source *source, const RdeReport *report, bool by_reseller)
{
	int			place = query->ncolumns;

	query->amount = query->currency = query->reseller = -1;
	if (source->amount)
	{
		appendStringInfo(sql, ", %s::pg_catalog.numeric",
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
		appendStringInfo(sql, ", %s%s", qualified(currency),
						 query->currency_padded ? "" : "::pg_catalog.text");
		query->currency = place++;
	}
	if (by_reseller)
	{
		Form_pg_attribute reseller = role_attribute(relation, report,
													source->reseller);

		query->reseller_type = getBaseType(reseller->atttypid);
		query->reseller = place++;
	}
	query->period = place;
	appendStringInfo(sql, ", %s",
					 row_order(relation, source, report, by_reseller));
}

RdeQuery *
rde_dataset_query(const RdeHome *home, const RdeReport *report,
				  bool by_reseller, const RdeWindow *window)
{
	MemoryContext context = CurrentMemoryContext;
	RdeQuery   *query = palloc0(sizeof(RdeQuery));
	StringInfoData sql;
	Source	   *source;
	Relation	relation;
	RdeColumns *columns;

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
	query->from_elsewhere = source->from_elsewhere;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	columns = rde_columns_load(home, report, source->amount, &sql, context);
	rde_fault_raise(columns->source_fault);
	query->view_fault = columns->view_fault;
	query->columns = columns->columns;
	query->ncolumns = columns->count;
	query->conditions_json = columns->conditions_json;
	add_hidden(query, &sql, relation, source, report, by_reseller);
	query->from_begins = sql.len;
	appendStringInfo(&sql, " FROM %s.%s AS s",
					 quote_identifier(get_namespace_name(RelationGetNamespace(relation))),
					 quote_identifier(RelationGetRelationName(relation)));
	/* parameters are the query's: they outlive the SPI connection */
	MemoryContextSwitchTo(context);
	query->types = palloc(sizeof(Oid) * (MAX_OWN_PARAMETERS + columns->nconditions));
	query->values = palloc(sizeof(Datum) * (MAX_OWN_PARAMETERS + columns->nconditions));
	add_conditions(query, &sql, relation, source, report, window, columns);
	query->from_ends = sql.len;
	appendStringInfo(&sql, " ORDER BY %s",
					 row_order(relation, source, report, by_reseller));
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
