/*
 * condition.c
 *	  A condition of a report view: its values in its column's type, and its SQL.
 *
 * Invariant: a row is in "in" or in "not_in" of the same list, whatever it holds:
 * NULL is no value of a list that does not name null.  Values are compared in the
 * column's own type, so that its index serves, and never become SQL.
 */
#include "build/condition.h"

#include "build/failure.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * Types whose values can be named.  Their input functions are the server's own:
 * others may run what somebody else wrote.  A form is for what people write in
 * ways that mean another day elsewhere: 0 is a digit, T that or a blank.
 */
typedef struct Comparable
{
	Oid			type;			/* InvalidOid: any enum */
	Oid			compared_as;
	enum jbvType json;			/* beside strings, which all but a boolean
								 * take */
	bool		fraction;		/* of a second, maybe, behind the form */
	bool		offset;			/* Z or +00:00 ends it */
	const char *form;
	const char *what;
} Comparable;

static const Comparable comparables[] = {
	{BOOLOID, BOOLOID, jbvBool, false, false, NULL, "true or false"},
	{INT2OID, INT2OID, jbvNumeric, false, false, NULL, "a smallint"},
	{INT4OID, INT4OID, jbvNumeric, false, false, NULL, "an integer"},
	{INT8OID, INT8OID, jbvNumeric, false, false, NULL, "a bigint"},
	{NUMERICOID, NUMERICOID, jbvNumeric, false, false, NULL, "a number"},
	{FLOAT4OID, FLOAT4OID, jbvNumeric, false, false, NULL, "a number"},
	{FLOAT8OID, FLOAT8OID, jbvNumeric, false, false, NULL, "a number"},
	{DATEOID, DATEOID, jbvString, false, false, "0000-00-00",
	"a day such as 2019-11-05"},
	{TIMESTAMPOID, TIMESTAMPOID, jbvString, true, false, "0000-00-00T00:00:00",
	"a time such as 2019-11-05T17:02:59, without an offset"},
	{TIMESTAMPTZOID, TIMESTAMPTZOID, jbvString, true, true,
	"0000-00-00T00:00:00", "an instant such as 2019-11-05T17:02:59Z"},
	{TEXTOID, TEXTOID, jbvString, false, false, NULL, "text"},
	{VARCHAROID, TEXTOID, jbvString, false, false, NULL, "text"},
	{NAMEOID, TEXTOID, jbvString, false, false, NULL, "text"},
	{BPCHAROID, BPCHAROID, jbvString, false, false, NULL, "text"},
	{UUIDOID, UUIDOID, jbvString, false, false, NULL, "a UUID"},
	{InvalidOid, InvalidOid, jbvString, false, false, NULL,
	"one of the values that the column can have"},
};

static const char *const operators[] = {
	[RDE_IN] = "in",
	[RDE_NOT_IN] = "not_in",
	[RDE_MIN] = "min",
	[RDE_MAX] = "max",
	[RDE_IS_NULL] = "is_null"
};

static RdeOperator
find_operator(const char *name)
{
	for (int i = 0; i < lengthof(operators); i++)
	{
		if (strcmp(operators[i], name) == 0)
			return i;
	}
	elog(ERROR, "unknown operator of a condition: %s", name);
}

/* A base type among those that can be compared, or NULL. */
static const Comparable *
find_comparable(Oid type)
{
	for (int i = 0; i < lengthof(comparables); i++)
	{
		const Comparable *it = &comparables[i];

		if (OidIsValid(it->type) ? it->type == type :
			get_typtype(type) == TYPTYPE_ENUM)
			return it;
	}
	return NULL;
}

/* How many characters of a text are of a form, if all of the form is there. */
static size_t
form_length(const char *text, const char *form)
{
	size_t		n;

	for (n = 0; form[n]; n++)
	{
		char		c = text[n];

		if (form[n] == '0' ? c < '0' || c > '9' :
			form[n] == 'T' ? c != 'T' && c != ' ' : c != form[n])
			return 0;
	}
	return n;
}

static bool
has_form(const char *text, const Comparable *as)
{
	size_t		n;

	if (as->form == NULL)
		return true;
	n = form_length(text, as->form);
	if (n == 0)
		return false;
	if (as->fraction && text[n] == '.')
	{
		size_t		digits = strspn(text + n + 1, "0123456789");

		if (digits < 1 || digits > 6)
			return false;
		n += 1 + digits;
	}
	if (as->offset)
	{
		if (text[n] == 'Z')
			n++;
		else if (text[n] == '+' || text[n] == '-')
		{
			size_t		zone = form_length(text + n + 1, "00:00");

			if (zone == 0)
				return false;
			n += 1 + zone;
		}
		else
			return false;
	}
	return text[n] == '\0';
}

/* A value as the text that its type reads, or NULL if it cannot be one. */
static char *
value_text(const JsonbValue *value, const Comparable *as)
{
	char	   *text;

	switch (value->type)
	{
		case jbvBool:
			text = value->val.boolean ? "true" : "false";
			break;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
			break;
		case jbvString:
			text = pnstrdup(value->val.string.val, value->val.string.len);
			break;
		default:
			return NULL;
	}
	if (value->type != as->json &&
		(value->type != jbvString || as->json == jbvBool))
		return NULL;
	return has_form(text, as) ? text : NULL;
}

/* Texts that become values, as far as they do. */
typedef struct Reading
{
	Oid			type;
	char	  **texts;
	Datum	   *values;
	int			count;
	int			done;
} Reading;

static bool
read_values(void *argument)
{
	Reading    *it = argument;
	Oid			input;
	Oid			param;

	getTypeInputInfo(it->type, &input, &param);
	for (it->done = 0; it->done < it->count; it->done++)
		it->values[it->done] = OidInputFunctionCall(input,
													it->texts[it->done],
													param, -1);
	return true;
}

/* Which of the texts is no value of the type, counted from 0; -1: none. */
static int
first_bad(Reading *reading)
{
	RdeFailure *failure = rde_attempt(read_values, reading,
									  CurrentMemoryContext);

	if (failure == NULL)
		return -1;
	if (ERRCODE_TO_CATEGORY(failure->error->sqlerrcode) !=
		ERRCODE_DATA_EXCEPTION)
		rde_failure_raise(failure);
	return reading->done;
}

/* The values of an operand: those of a list, or the one that it is. */
static JsonbValue *
operand_values(Jsonb *operand, int *count)
{
	JsonbIterator *iterator = JsonbIteratorInit(&operand->root);
	JsonbValue *values = palloc(sizeof(JsonbValue) * JB_ROOT_COUNT(operand));
	JsonbIteratorToken token;
	JsonbValue	value;

	*count = 0;
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			values[(*count)++] = value;
	}
	return values;
}

static Datum
array_of(const Reading *reading)
{
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(reading->type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_array(reading->values, reading->count,
										   reading->type, length, by_value,
										   alignment));
}

/* As what a column of a type is compared, or NULL if it cannot be. */
static const Comparable *
comparable_as(Oid column, Oid *type)
{
	Oid			base = getBaseType(column);
	const Comparable *as = find_comparable(base);

	if (as)
		*type = OidIsValid(as->compared_as) ? as->compared_as : base;
	return as;
}

const char *
rde_condition_read(RdeCondition *condition, const char *operator,
				   Jsonb *operand, Oid type)
{
	bool		list;
	Reading		reading = {0};
	JsonbValue *values;
	int			nvalues;
	int		   *places;
	const Comparable *as;
	int			bad = -1;

	condition->operator = find_operator(operator);
	condition->type = condition->domain_of = InvalidOid;
	condition->null = false;
	list = condition->operator == RDE_IN || condition->operator == RDE_NOT_IN;
	values = operand_values(operand, &nvalues);
	if (condition->operator == RDE_IS_NULL)
	{
		condition->null = nvalues == 1 && values[0].type == jbvBool &&
			values[0].val.boolean;
		return NULL;
	}
	condition->domain_of = getBaseType(type) == type ? InvalidOid :
		getBaseType(type);
	as = comparable_as(type, &reading.type);
	if (as == NULL)
		return "can only say \"is_null\": values are compared in columns of truth values, numbers, text, dates, times, UUIDs and enums";

	reading.texts = palloc(sizeof(char *) * nvalues);
	reading.values = palloc(sizeof(Datum) * nvalues);
	places = palloc(sizeof(int) * nvalues);
	for (int i = 0; i < nvalues && bad < 0; i++)
	{
		char	   *text;

		if (list && values[i].type == jbvNull)
		{
			condition->null = true;
			continue;
		}
		text = value_text(&values[i], as);
		if (text == NULL)
			bad = i;
		else
		{
			places[reading.count] = i;
			reading.texts[reading.count++] = text;
		}
	}
	if (bad < 0)
	{
		bad = first_bad(&reading);
		if (bad >= 0)
			bad = places[bad];
	}
	if (bad >= 0)
		return list ?
			psprintf("has a value in \"%s\", number %d, that is not %s",
					 operator, bad + 1, as->what) :
			psprintf("has a \"%s\" that is not %s", operator, as->what);
	condition->type = list ? get_array_type(reading.type) : reading.type;
	condition->value = list ? array_of(&reading) : reading.values[0];
	return NULL;
}

void
rde_condition_append(StringInfo sql, const RdeCondition *condition,
					 int parameter)
{
	char	   *column = psprintf("s.%s", quote_identifier(condition->column));

	if (OidIsValid(condition->domain_of))
		column = psprintf("%s::%s", column,
						  format_type_be_qualified(condition->domain_of));
	switch (condition->operator)
	{
		case RDE_IN:
			if (condition->null)
				appendStringInfo(sql, "(%s = ANY ($%d) OR %s IS NULL)",
								 column, parameter, column);
			else
				appendStringInfo(sql, "%s = ANY ($%d)", column, parameter);
			break;
		case RDE_NOT_IN:
			appendStringInfo(sql, condition->null ?
							 "(%s <> ALL ($%d) AND %s IS NOT NULL)" :
							 "(%s <> ALL ($%d) OR %s IS NULL)",
							 column, parameter, column);
			break;
		case RDE_MIN:
			appendStringInfo(sql, "%s >= $%d", column, parameter);
			break;
		case RDE_MAX:
			appendStringInfo(sql, "%s <= $%d", column, parameter);
			break;
		case RDE_IS_NULL:
			/* IS NULL would be true of a row of nulls, too, which is shown */
			appendStringInfo(sql, condition->null ?
							 "%s IS NOT DISTINCT FROM NULL" :
							 "%s IS DISTINCT FROM NULL", column);
			break;
	}
}

PG_FUNCTION_INFO_V1(rde_condition_problem_sql);

/*
 * _rde_condition_problem(operator text, operand jsonb, type oid) → text, what is
 * wrong with it, or NULL.
 */
Datum
rde_condition_problem_sql(PG_FUNCTION_ARGS)
{
	RdeCondition condition;
	const char *problem;

	problem = rde_condition_read(&condition,
								 text_to_cstring(PG_GETARG_TEXT_PP(0)),
								 PG_GETARG_JSONB_P(1), PG_GETARG_OID(2));
	if (problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(problem));
}
