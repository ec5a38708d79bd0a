/*
 * row.h
 *	  Reading a row that SPI returned.
 *
 * Columns are counted from 1, as SPI does; where there are several, an enum beside
 * the statement names them.  Each reader raises an error that names the column if
 * it is NULL, or of another type: such a mistake is ours, and is not to become a
 * wrong value.
 */
#ifndef RDE_ROW_H
#define RDE_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "utils/uuid.h"

/*
 * A row of a statement's result.  It stays the same when the next statement has
 * run, until SPI_freetuptable() or SPI_finish().
 */
typedef struct RdeRow
{
	HeapTuple	tuple;
	TupleDesc	desc;
} RdeRow;

/* A row of what the last statement returned, counted from 0. */
extern RdeRow rde_row(uint64 number);

extern bool rde_row_is_null(RdeRow row, int column);

extern bool rde_row_bool(RdeRow row, int column);
extern int32 rde_row_int32(RdeRow row, int column);
extern int64 rde_row_int64(RdeRow row, int column);
extern Oid	rde_row_oid(RdeRow row, int column);
extern TimestampTz rde_row_instant(RdeRow row, int column);
extern pg_uuid_t rde_row_uuid(RdeRow row, int column);

/* These allocate in the current context.  Text is that of any type. */
extern char *rde_row_text(RdeRow row, int column);
extern char *rde_row_text_or_null(RdeRow row, int column);
extern bytea *rde_row_bytea(RdeRow row, int column);

/* A value of any type: as it is in the row, or copied and detoasted. */
extern Datum rde_row_datum(RdeRow row, int column);
extern Datum rde_row_copy(RdeRow row, int column);

/* An id as text, for messages. */
extern const char *rde_uuid_text(const pg_uuid_t *id);

/* All columns at once, NULLs among them. */
extern void rde_row_values(RdeRow row, Datum *values, bool *nulls);

#endif							/* RDE_ROW_H */
