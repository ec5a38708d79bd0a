/*
 * column.c
 *	  A column's kind, found once; its values, found per row.
 *
 * Invariant: whatever the type, the text of a value is what the type's output
 * function prints under the pinned settings; kinds only spare the detour where
 * the bytes are known to be the same, or where formats ask for more than text.
 */
#include "format/column.h"

#include "core/calendar.h"
#include "catalog/pg_type.h"
#include "core/compat.h"
#include "format/jsonb.h"
#include "format/locale.h"
#include "mb/pg_wchar.h"
#include "core/decimal.h"
#include "bytes/pairs.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

typedef enum ColumnKind
{
	KIND_BOOL,
	KIND_INT2,
	KIND_INT4,
	KIND_INT8,
	KIND_NUMERIC,
	KIND_FLOAT,
	KIND_DATE,
	KIND_TIMESTAMP,
	KIND_TIMESTAMPTZ,
	KIND_VARLENA_TEXT,			/* the datum's bytes are the text */
	KIND_JSON,
	KIND_JSONB,
	KIND_OUTPUT,				/* text by output function */
	KIND_UNIX_DATE,
	KIND_UNIX_TIMESTAMPTZ,
	KIND_ATTRIBUTE,
	KIND_LOCALE
} ColumnKind;

/* Dates and times that formats may break into parts: finite, year 1 or later. */
#define FIRST_DATE		((DateADT) (1721426 - POSTGRES_EPOCH_JDATE))
#define FIRST_TIME		((Timestamp) FIRST_DATE * USECS_PER_DAY)

/* Asked once for all columns: it is the database's, and text is most of a row. */
static bool server_is_utf8;

static ColumnKind
plain_kind(Oid type, RdeShape *shape)
{
	*shape = RDE_TEXT;
	switch (type)
	{
		case BOOLOID:
			*shape = RDE_BOOL;
			return KIND_BOOL;
		case INT2OID:
			*shape = RDE_INTEGER;
			return KIND_INT2;
		case INT4OID:
			*shape = RDE_INTEGER;
			return KIND_INT4;
		case INT8OID:
			*shape = RDE_INTEGER;
			return KIND_INT8;
		case NUMERICOID:
			*shape = RDE_DECIMAL;
			return KIND_NUMERIC;
		case FLOAT4OID:
		case FLOAT8OID:
			*shape = RDE_FLOAT;
			return KIND_FLOAT;
		case DATEOID:
			*shape = RDE_DATE;
			return KIND_DATE;
		case TIMESTAMPOID:
			*shape = RDE_LOCAL_TIME;
			return KIND_TIMESTAMP;
		case TIMESTAMPTZOID:
			*shape = RDE_INSTANT;
			return KIND_TIMESTAMPTZ;
		case JSONOID:
			*shape = RDE_JSON;
			return KIND_JSON;
		case JSONBOID:
			*shape = RDE_JSON;
			return KIND_JSONB;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return KIND_VARLENA_TEXT;
		default:
			return KIND_OUTPUT;
	}
}

RdeTransform
rde_transform_find(const char *name)
{
	return strcmp(name, "unix") == 0 ? RDE_AS_UNIX :
		strcmp(name, "unix_date") == 0 ? RDE_AS_UNIX_DATE :
		strcmp(name, "attribute") == 0 ? RDE_ATTRIBUTE : RDE_LOCALE;
}

void
rde_column_prepare(RdeColumn *column, Oid type)
{
	Oid			function;
	bool		varlena;

	server_is_utf8 = GetDatabaseEncoding() == PG_UTF8;
	column->type = getBaseType(type);
	switch (column->transform)
	{
		case RDE_PLAIN:
			column->kind = plain_kind(column->type, &column->shape);
			break;
		case RDE_AS_UNIX:
		case RDE_AS_UNIX_DATE:
			column->shape = RDE_UNIX;
			column->days = column->transform == RDE_AS_UNIX_DATE ||
				column->type == DATEOID;
			column->kind = column->type == DATEOID ? KIND_UNIX_DATE :
				column->type == TIMESTAMPTZOID ? KIND_UNIX_TIMESTAMPTZ :
				KIND_INT8;
			break;
		case RDE_ATTRIBUTE:
			column->shape = RDE_TEXT;
			column->kind = KIND_ATTRIBUTE;
			break;
		case RDE_LOCALE:
			column->shape = RDE_TEXT;
			column->kind = KIND_LOCALE;
			break;
	}
	getTypeOutputInfo(column->type, &function, &varlena);
	fmgr_info(function, &column->output);
}

int64
rde_columns_replaced(const RdeColumn *columns, int ncolumns)
{
	int64		replaced = 0;

	for (int i = 0; i < ncolumns; i++)
		replaced += columns[i].replaced;
	return replaced;
}

const char *
rde_text_to_utf8(const char *text, size_t len, size_t *utf8_len)
{
	char	   *converted;

	*utf8_len = len;
	if (len == 0 || GetDatabaseEncoding() == PG_UTF8)
		return text;
	converted = pg_server_to_any(text, len, PG_UTF8);
	if (converted != text)
		*utf8_len = strlen(converted);
	return converted;
}

static void
set_text(RdeValue *value, RdeShape shape, const char *text, size_t len)
{
	value->shape = shape;
	value->text = text;
	value->length = len;
	if (unlikely(!server_is_utf8))
	{
		size_t		utf8_len;

		value->text = rde_text_to_utf8(text, len, &utf8_len);
		value->length = utf8_len;
	}
}

static void
set_output(RdeValue *value, RdeShape shape, RdeColumn *column, Datum datum)
{
	char	   *text = OutputFunctionCall(&column->output, datum);

	set_text(value, shape, text, strlen(text));
}

static void
set_jsonb(RdeValue *value, Datum datum)
{
	StringInfoData text;

	initStringInfo(&text);
	rde_jsonb_append(&text, PG_DETOAST_DATUM_PACKED(datum));
	set_text(value, RDE_JSON, text.data, text.len);
}

static void
set_numeric(RdeValue *value, Datum datum)
{
	struct varlena *numeric = PG_DETOAST_DATUM_PACKED(datum);
	RdeDecimal	decimal;
	char	   *text;

	rde_decimal_read(&decimal, VARDATA_ANY(numeric),
					 VARSIZE_ANY_EXHDR(numeric));
	text = palloc(rde_decimal_room(&decimal));
	value->shape = decimal.kind == RDE_DECIMAL_FINITE ? RDE_DECIMAL :
		RDE_NOT_A_NUMBER;
	value->text = text;
	value->length = rde_decimal_write(text, &decimal) - text;
}

/* Line breaks in JSON are white space between tokens, never inside strings. */
static void
one_line(RdeValue *value)
{
	char	   *copy;

	if (memchr(value->text, '\n', value->length) == NULL &&
		memchr(value->text, '\r', value->length) == NULL)
		return;
	copy = palloc_extended(value->length + 1, MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < value->length; i++)
		copy[i] = value->text[i] == '\n' || value->text[i] == '\r' ?
			' ' : value->text[i];
	value->text = copy;
}

/* Escapes that stand for no character become that of U+FFFD. */
static void
mend_escapes(RdeValue *value, RdeColumn *column)
{
	const char *end = value->text + value->length;
	const char *bad = rde_json_bad_escape(value->text, end);
	char	   *copy;

	if (likely(bad == end))
		return;
	copy = palloc_extended(value->length, MCXT_ALLOC_HUGE);
	memcpy(copy, value->text, value->length);
	while (bad < end)
	{
		memcpy(copy + (bad - value->text), "\\ufffd", 6);
		column->replaced++;
		bad = rde_json_bad_escape(bad + 6, end);
	}
	value->text = copy;
}

/* The value of the first pair with the column's attribute name, or NULL. */
static void
lift_attribute(RdeValue *value, RdeColumn *column, Datum datum)
{
	size_t		name_length;
	const char *name = rde_text_to_utf8(column->argument,
										strlen(column->argument),
										&name_length);
	RdePair		pair;
	const char *source;
	char	   *text;

	if (column->type == JSONBOID)
		set_jsonb(value, datum);
	else
		set_output(value, RDE_JSON, column, datum);
	if (!rde_pairs_find(value->text, value->length, name, name_length,
						&pair) ||
		pair.kind == RDE_PAIR_NULL)
	{
		value->shape = RDE_NULL;
		return;
	}
	value->shape = RDE_TEXT;
	source = value->text = pair.value;
	value->length = pair.value_length;
	if (pair.kind == RDE_PAIR_STRING &&
		memchr(source, '\\', pair.value_length) != NULL)
	{
		text = palloc_extended(pair.value_length, MCXT_ALLOC_HUGE);
		value->length = rde_pairs_unescape(text, pair.value_length, &source,
										   source + pair.value_length,
										   &column->replaced) - text;
		value->text = text;
	}
}

static void
set_date(RdeValue *value, RdeColumn *column, Datum datum)
{
	DateADT		date = DatumGetDateADT(datum);

	if (DATE_NOT_FINITE(date) || date < FIRST_DATE)
		set_output(value, RDE_TEXT, column, datum);
	else
	{
		value->shape = RDE_DATE;
		value->u.date = date;
	}
}

static void
set_time(RdeValue *value, RdeShape shape, RdeColumn *column, Datum datum)
{
	Timestamp	time = DatumGetTimestamp(datum);

	if (TIMESTAMP_NOT_FINITE(time) || time < FIRST_TIME)
		set_output(value, RDE_TEXT, column, datum);
	else
	{
		value->shape = shape;
		value->u.time = time;
	}
}

/* Unix seconds of an instant; times without one (infinity) stay text. */
static void
set_unix(RdeValue *value, RdeColumn *column, Datum datum, pg_tz *zone)
{
	TimestampTz time;
	int64		microseconds;

	if (column->kind == KIND_UNIX_DATE)
	{
		if (DATE_NOT_FINITE(DatumGetDateADT(datum)))
		{
			set_output(value, RDE_TEXT, column, datum);
			return;
		}
		time = rde_day_start(DatumGetDateADT(datum), zone);
	}
	else
	{
		time = DatumGetTimestampTz(datum);
		if (TIMESTAMP_NOT_FINITE(time))
		{
			set_output(value, RDE_TEXT, column, datum);
			return;
		}
	}
	microseconds = time % USECS_PER_SEC;
	value->shape = RDE_UNIX;
	value->u.integer = time / USECS_PER_SEC - (microseconds < 0 ? 1 : 0) +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

static inline void
set_integer(RdeValue *value, const RdeColumn *column, Datum datum)
{
	value->shape = column->shape;	/* RDE_INTEGER or RDE_UNIX */
	value->u.integer =
		column->kind == KIND_INT4 ? DatumGetInt32(datum) :
		column->kind == KIND_INT8 ? DatumGetInt64(datum) :
		DatumGetInt16(datum);
}

void
rde_column_value(RdeColumn *column, Datum datum, pg_tz *midnight_zone,
				 RdeValue *value)
{
	struct varlena *text;

	switch ((ColumnKind) column->kind)
	{
		case KIND_BOOL:
			value->shape = RDE_BOOL;
			value->u.boolean = DatumGetBool(datum);
			return;
		case KIND_INT2:
		case KIND_INT4:
		case KIND_INT8:
			set_integer(value, column, datum);
			return;
		case KIND_NUMERIC:
			set_numeric(value, datum);
			return;
		case KIND_FLOAT:
			set_output(value, RDE_FLOAT, column, datum);
			/* NaN, Infinity, -Infinity: no digit in the second byte */
			if (value->text[0] > '9' || value->text[1] == 'I')
				value->shape = RDE_NOT_A_NUMBER;
			return;
		case KIND_DATE:
			set_date(value, column, datum);
			return;
		case KIND_TIMESTAMP:
			set_time(value, RDE_LOCAL_TIME, column, datum);
			return;
		case KIND_TIMESTAMPTZ:
			set_time(value, RDE_INSTANT, column, datum);
			return;
		case KIND_LOCALE:
			set_output(value, RDE_TEXT, column, datum);
			rde_locale_pick(&value->text, &value->length, column->argument);
			return;
		case KIND_VARLENA_TEXT:
			text = (struct varlena *) DatumGetPointer(datum);
			if (unlikely(VARATT_IS_EXTERNAL(text) ||
						 VARATT_IS_COMPRESSED(text)))
				text = pg_detoast_datum_packed(text);
			set_text(value, RDE_TEXT, VARDATA_ANY(text),
					 VARSIZE_ANY_EXHDR(text));
			return;
		case KIND_JSON:
			text = PG_DETOAST_DATUM_PACKED(datum);
			set_text(value, RDE_JSON, VARDATA_ANY(text),
					 VARSIZE_ANY_EXHDR(text));
			mend_escapes(value, column);
			one_line(value);
			return;
		case KIND_JSONB:
			set_jsonb(value, datum);
			return;
		case KIND_OUTPUT:
			set_output(value, RDE_TEXT, column, datum);
			return;
		case KIND_UNIX_DATE:
		case KIND_UNIX_TIMESTAMPTZ:
			set_unix(value, column, datum, midnight_zone);
			return;
		case KIND_ATTRIBUTE:
			lift_attribute(value, column, datum);
			return;
	}
	elog(ERROR, "unexpected column kind %d", column->kind);
}

void
rde_columns_values(RdeColumn *columns, int ncolumns, const Datum *datums,
				   const bool *nulls, pg_tz *midnight_zone, RdeValue *values,
				   int *column)
{
	for (int i = 0; i < ncolumns; i++)
	{
		if (nulls[i])
			values[i].shape = RDE_NULL;
		else if (columns[i].kind >= KIND_INT2 && columns[i].kind <= KIND_INT8)
			set_integer(&values[i], &columns[i], datums[i]);
		else
		{
			*column = i;
			rde_column_value(&columns[i], datums[i], midnight_zone,
							 &values[i]);
		}
	}
}
