/*
 * column.h
 *	  One column of a report, and one value of it as the formats see it.
 *
 * column.c looks at a column's type once and picks a kind; per row it turns the
 * Datum into an RdeValue of one of a few shapes.  Formats switch on the shape
 * and never meet a PostgreSQL type.
 *
 * Invariant: text of a value is UTF-8, lives until the row context is reset,
 * and is not NUL-terminated.
 */
#ifndef RDE_COLUMN_H
#define RDE_COLUMN_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/date.h"

typedef enum RdeShape
{
	RDE_NULL,
	RDE_BOOL,					/* u.boolean */
	RDE_INTEGER,				/* u.integer */
	RDE_DECIMAL,				/* text: digits as PostgreSQL prints numeric;
								 * never NaN or infinite */
	RDE_FLOAT,					/* text: shortest digits that give the same
								 * double, maybe with exponent; finite */
	RDE_NOT_A_NUMBER,			/* text: NaN, Infinity or -Infinity */
	RDE_DATE,					/* u.date: finite, year 1 or later */
	RDE_LOCAL_TIME,				/* u.time: timestamp without zone, finite,
								 * year 1 or later */
	RDE_INSTANT,				/* u.time: timestamptz, finite, year 1 or
								 * later in UTC */
	RDE_UNIX,					/* u.integer: seconds since 1970-01-01 UTC */
	RDE_TEXT,					/* text */
	RDE_JSON					/* text: one JSON value, no line breaks, no
								 * escape that stands for no character */
} RdeShape;

typedef struct RdeValue
{
	RdeShape	shape;
	uint32		length;			/* of text */
	const char *text;
	union
	{
		bool		boolean;
		int64		integer;
		DateADT		date;
		Timestamp	time;		/* microseconds since 2000-01-01 */
	}			u;
} RdeValue;

/* How a view shows a source column. */
typedef enum RdeTransform
{
	RDE_PLAIN,
	RDE_AS_UNIX,				/* date or instant as Unix seconds */
	RDE_AS_UNIX_DATE,			/* the same, of days */
	RDE_ATTRIBUTE,				/* one value lifted out of a pairs column */
	RDE_LOCALE					/* one locale of a multilingual text */
} RdeTransform;

typedef struct RdeColumn
{
	const char *name;			/* as the report spells it, UTF-8 */
	const char *label;			/* what people are shown for it, UTF-8; NULL:
								 * the name */
	RdeShape	shape;			/* of its ordinary values: what a column is
								 * formatted for (specials come as RDE_TEXT or
								 * RDE_NOT_A_NUMBER) */
	RdeTransform transform;
	const char *argument;		/* attribute name or locale, server encoding */
	bool		amount;			/* holds the source's amounts of money */
	const char *group;			/* what the view says of it, server encoding; */
	const char *description;	/* NULL: nothing */

	/* filled by rde_column_prepare() */
	Oid			type;			/* base type of what the SELECT returns */
	int			kind;			/* private to column.c */
	FmgrInfo	output;
	bool		days;			/* Unix seconds of days: a spreadsheet shows
								 * those that begin one as dates */
	int64		replaced;		/* characters of its values that no text has:
								 * escapes of JSON; U+FFFD in every format */
} RdeColumn;

struct pg_tz;

/* What a column is called to people: its label, else its name. */
static inline const char *
rde_column_title(const RdeColumn *column)
{
	return column->label ? column->label : column->name;
}

/* As views name it: unix, unix_date, attribute, locale or multilingual. */
extern RdeTransform rde_transform_find(const char *name);

/* Learn a column's kind from the type the SELECT returns for it. */
extern void rde_column_prepare(RdeColumn *column, Oid type);

/*
 * Turn a non-NULL Datum into a value.  Allocates in the current context (the
 * row context); raises 22021 for bytes that are not valid in the database's
 * encoding.  midnight_zone is the zone in which a date's midnight is taken
 * where the column is shown as Unix seconds.
 */
extern void rde_column_value(RdeColumn *column, Datum datum,
							 struct pg_tz *midnight_zone, RdeValue *value);

/*
 * The values of a row, NULL or not; *column is which of them is being looked at, for
 * messages.
 */
extern void rde_columns_values(RdeColumn *columns, int ncolumns,
							   const Datum *datums, const bool *nulls,
							   struct pg_tz *midnight_zone, RdeValue *values,
							   int *column);

/* How many characters of the columns' values were replaced until now. */
extern int64 rde_columns_replaced(const RdeColumn *columns, int ncolumns);

/* Text of a server-encoded string in UTF-8 (the same pointer if it is so). */
extern const char *rde_text_to_utf8(const char *text, size_t len,
									size_t *utf8_len);

#endif							/* RDE_COLUMN_H */
