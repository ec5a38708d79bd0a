/*
 * row.c
 *	  Reading a row that SPI returned.
 *
 * Invariant: no value leaves here that was NULL in the row, or of another type
 * than the reader's.
 */
#include "core/row.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

RdeRow
rde_row(uint64 number)
{
	RdeRow		row;

	if (SPI_tuptable == NULL || number >= SPI_processed)
		elog(ERROR, "a statement returned no row " UINT64_FORMAT, number);
	row.tuple = SPI_tuptable->vals[number];
	row.desc = SPI_tuptable->tupdesc;
	return row;
}

static Form_pg_attribute
attribute(RdeRow row, int column)
{
	if (column < 1 || column > row.desc->natts)
		elog(ERROR, "a statement returned no column %d", column);
	return TupleDescAttr(row.desc, column - 1);
}

bool
rde_row_is_null(RdeRow row, int column)
{
	(void) attribute(row, column);
	return heap_attisnull(row.tuple, column, row.desc);
}

Datum
rde_row_datum(RdeRow row, int column)
{
	Form_pg_attribute of = attribute(row, column);
	bool		isnull;
	Datum		value = heap_getattr(row.tuple, column, row.desc, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column \"%s\"", NameStr(of->attname));
	return value;
}

static Datum
typed(RdeRow row, int column, Oid type)
{
	Form_pg_attribute of = attribute(row, column);

	if (of->atttypid != type)
		elog(ERROR, "column \"%s\" is of type %s instead of %s",
			 NameStr(of->attname), format_type_be(of->atttypid),
			 format_type_be(type));
	return rde_row_datum(row, column);
}

bool
rde_row_bool(RdeRow row, int column)
{
	return DatumGetBool(typed(row, column, BOOLOID));
}

int32
rde_row_int32(RdeRow row, int column)
{
	return DatumGetInt32(typed(row, column, INT4OID));
}

int64
rde_row_int64(RdeRow row, int column)
{
	return DatumGetInt64(typed(row, column, INT8OID));
}

Oid
rde_row_oid(RdeRow row, int column)
{
	return DatumGetObjectId(typed(row, column, OIDOID));
}

TimestampTz
rde_row_instant(RdeRow row, int column)
{
	return DatumGetTimestampTz(typed(row, column, TIMESTAMPTZOID));
}

pg_uuid_t
rde_row_uuid(RdeRow row, int column)
{
	return *DatumGetUUIDP(typed(row, column, UUIDOID));
}

char *
rde_row_text(RdeRow row, int column)
{
	Oid			type = attribute(row, column)->atttypid;
	Datum		value = rde_row_datum(row, column);
	Oid			output;
	bool		varlena;

	if (type == TEXTOID)
		return TextDatumGetCString(value);
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

char *
rde_row_text_or_null(RdeRow row, int column)
{
	return rde_row_is_null(row, column) ? NULL : rde_row_text(row, column);
}

bytea *
rde_row_bytea(RdeRow row, int column)
{
	return DatumGetByteaPCopy(typed(row, column, BYTEAOID));
}

Datum
rde_row_copy(RdeRow row, int column)
{
	Form_pg_attribute of = attribute(row, column);
	Datum		value = rde_row_datum(row, column);

	return of->attlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
		datumCopy(value, of->attbyval, of->attlen);
}

const char *
rde_uuid_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out,
											   UUIDPGetDatum(id)));
}

void
rde_row_values(RdeRow row, Datum *values, bool *nulls)
{
	heap_deform_tuple(row.tuple, row.desc, values, nulls);
}
