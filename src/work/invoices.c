/*
 * invoices.c
 *	  The SELECTs of a sweep: which invoices changed, and which of them are told of
 *	  by the table that is watched.
 *
 * Invariant: a text of one table is compared with a column of the other in the
 * column's own type, and never raises an error because it is none.
 */
#include "work/invoices.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Invoices that go from one SELECT to the next at a time. */
#define BATCH	10000

/* Its type under any domain; InvalidOid for a column that is not there. */
static Oid
column_type(Oid relation, const char *column)
{
	AttrNumber	number = get_attnum(relation, column);

	return number > 0 ? getBaseType(get_atttype(relation, number)) :
		InvalidOid;
}

static const char *
qualified_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
}

char *
rde_changed_invoices(Relation source, const RdeOrigin *origin)
{
	const char *period = quote_identifier(origin->period);
	StringInfoData sql;
	const char *bound;
	const char *latest;

	switch (column_type(RelationGetRelid(source), origin->period))
	{
		case DATEOID:
			bound = "$1::date";
			latest = "(max(s.%s) + 1)::timestamptz";
			break;
		case INT8OID:
			bound = "floor(extract(epoch FROM $1))::int8";

			/*
			 * a second of a year that timestamps have no room for is later,
			 * too
			 */
			latest = "to_timestamp(least(max(s.%s) + 1, 253402300800))";
			break;
		default:
			bound = "$1";
			latest = "max(s.%s)";
	}
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT array_agg(i.reseller), array_agg(i.invoice),"
					 " array_agg(i.changed) FROM"
					 " (SELECT s.%s::text AS reseller, s.%s::text AS invoice, ",
					 quote_identifier(origin->reseller),
					 quote_identifier(origin->invoice));
	appendStringInfo(&sql, latest, period);
	appendStringInfo(&sql,
					 " AS changed, (row_number() OVER () - 1) / %d AS batch"
					 " FROM %s AS s WHERE s.%s >= %s"
					 " AND s.%s IS NOT NULL AND s.%s IS NOT NULL"
					 " GROUP BY 1, 2) AS i GROUP BY i.batch",
					 BATCH, qualified_name(source), period, bound,
					 quote_identifier(origin->reseller),
					 quote_identifier(origin->invoice));
	return sql.data;
}

/*
 * Compare a column with a text that another table spells, in the column's own
 * type, so that its index can be used.  What is no value of it equals nothing.
 */
static void
add_match(StringInfo sql, Oid relation, const char *column, const char *text)
{
	appendStringInfo(sql, "t.%s = ", quote_identifier(column));
	switch (column_type(relation, column))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			appendStringInfo(sql, "CASE WHEN %s ~ '^-?[0-9]{1,19}([.]0+)?$'"
							 " THEN CASE WHEN %s::numeric"
							 " BETWEEN -9223372036854775808"
							 " AND 9223372036854775807"
							 " THEN %s::numeric::int8 END END",
							 text, text, text);
			break;
		case NUMERICOID:
			appendStringInfo(sql, "CASE WHEN %s ~ '^-?[0-9]{1,255}([.][0-9]{1,255})?$'"
							 " THEN %s::numeric END", text, text);
			break;
		case UUIDOID:
			appendStringInfo(sql, "CASE WHEN %s ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"
							 " THEN %s::uuid END", text, text);
			break;
		case BPCHAROID:
			appendStringInfo(sql, "%s::bpchar", text);
			break;
		default:
			appendStringInfoString(sql, text);
	}
}

char *
rde_watched_invoices(Relation table, const RdeWatch *watch)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT array_agg(t.%s::text), array_agg(t.%s::text),"
					 " array_agg(u.changed)"
					 " FROM unnest($1, $2, $3) AS u(reseller, invoice, changed)"
					 " JOIN %s AS t ON ",
					 quote_identifier(watch->reseller),
					 quote_identifier(watch->invoice), qualified_name(table));
	add_match(&sql, watch->relation, watch->invoice, "u.invoice");
	appendStringInfoString(&sql, " AND ");
	add_match(&sql, watch->relation, watch->reseller, "u.reseller");
	if (watch->when_column)
		appendStringInfo(&sql, " WHERE t.%s = %s",
						 quote_identifier(watch->when_column),
						 quote_literal_cstr(watch->when_value));
	return sql.data;
}
