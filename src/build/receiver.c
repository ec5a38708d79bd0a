/*
 * receiver.c
 *	  From tuple to files: every column's value once, every format after it.
 *
 * Invariant: no tuple is copied, and what a row allocates is gone before the
 * next one; a pass holds one row and the formats' buffers, however many rows
 * there are.
 */
#include "build/receiver.h"

#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

/* Rows between two reports of progress: a store to shared memory is not free. */
#define PROGRESS_ROWS	256

typedef struct RowReceiver
{
	DestReceiver base;
	RdePass    *pass;
} RowReceiver;

/* The period column as the formats are told of it: a day or an instant. */
static void
prepare_period(RdePass *pass, Oid type)
{
	pass->period_column.name = "period";
	pass->period_column.transform =
		getBaseType(type) == INT8OID ? RDE_AS_UNIX : RDE_PLAIN;
	rde_column_prepare(&pass->period_column, type);
}

static void
start(DestReceiver *self, int operation, TupleDesc desc)
{
	RdePass    *pass = ((RowReceiver *) self)->pass;
	MemoryContext old = MemoryContextSwitchTo(pass->export_context);

	for (int i = 0; i < pass->query->ncolumns; i++)
		rde_column_prepare(&pass->query->columns[i],
						   TupleDescAttr(desc, i)->atttypid);
	prepare_period(pass, TupleDescAttr(desc, pass->query->period)->atttypid);
	pass->values = palloc0(sizeof(RdeValue) * pass->query->ncolumns);
	MemoryContextSwitchTo(old);
}

/* Tell the files what the row is about, whatever their view shows of it. */
static void
add_facts(RdePass *pass, TupleTableSlot *slot)
{
	RdeQuery   *query = pass->query;
	Numeric		amount = NULL;
	const char *currency = NULL;
	size_t		currency_len = 0;

	if (query->amount >= 0 && !slot->tts_isnull[query->amount])
		amount = (Numeric) PG_DETOAST_DATUM_PACKED(slot->tts_values[query->amount]);
	if (query->currency >= 0 && !slot->tts_isnull[query->currency])
	{
		text	   *value = DatumGetTextPP(slot->tts_values[query->currency]);

		currency = VARDATA_ANY(value);
		currency_len = VARSIZE_ANY_EXHDR(value);
		while (query->currency_padded && currency_len > 0 &&
			   currency[currency_len - 1] == ' ')
			currency_len--;
	}
	if (slot->tts_isnull[query->period])
		pass->period.shape = RDE_NULL;
	else
		rde_column_value(&pass->period_column,
						 slot->tts_values[query->period], pass->zone,
						 &pass->period);
	rde_files_add_facts(pass->files, currency, currency_len, amount,
						&pass->period);
}

/* Text is a number only as numbers are written: 007 is nobody's, and not 7's. */
static bool
number_of_text(const text * value, int64 *number)
{
	char		digits[32];
	char		again[32];
	size_t		len = VARSIZE_ANY_EXHDR(value);

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, VARDATA_ANY(value), len);
	digits[len] = '\0';
	errno = 0;
	*number = strtoi64(digits, NULL, 10);
	snprintf(again, sizeof(again), INT64_FORMAT, *number);
	return errno == 0 && strcmp(digits, again) == 0;
}

/*
 * Whose a row is, by the value that its source was asked for.  XX000 for one that
 * stands for no number, which is none of those.
 */
static int64
reseller_of(const RdeQuery *query, Datum value)
{
	int64		number;

	switch (query->reseller_type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return DatumGetInt64(value);
		case NUMERICOID:
			number = DatumGetInt64(DirectFunctionCall1(numeric_int8, value));
			if (DatumGetBool(DirectFunctionCall2(numeric_eq, value,
												 DirectFunctionCall1(int8_numeric,
																	 Int64GetDatum(number)))))
				return number;
			break;
		default:
			if (number_of_text(DatumGetTextPP(value), &number))
				return number;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("a row came that is of no reseller asked for")));
}

void
rde_show_progress(int64 rows, int64 bytes)
{
	const int	index[] = {
		PROGRESS_COPY_TUPLES_PROCESSED, PROGRESS_COPY_BYTES_PROCESSED
	};
	int64		values[] = {rows, bytes};

	pgstat_progress_update_multi_param(lengthof(index), index, values);
}

static void
report_progress(RdePass *pass)
{
	if (pass->progress)
		pass->progress(pass);
	else
		rde_show_progress(pass->rows, rde_files_bytes(pass->files));
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	RdePass    *pass = ((RowReceiver *) self)->pass;
	RdeQuery   *query = pass->query;
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(pass->row_context);
	old = MemoryContextSwitchTo(pass->row_context);

	slot_getallattrs(slot);
	if (query->reseller >= 0)
		rde_files_turn_to(pass->files,
						  reseller_of(query,
									  slot->tts_values[query->reseller]));
	rde_columns_values(query->columns, query->ncolumns, slot->tts_values,
					   slot->tts_isnull, pass->zone, pass->values,
					   &pass->column);
	pass->column = -1;
	add_facts(pass, slot);
	rde_files_add_row(pass->files, pass->values,
					  query->cuts ?
					  rde_cuts_count(query->cuts,
									 slot->tts_values[query->period]) : 0);

	MemoryContextSwitchTo(old);
	if (unlikely(pass->rows == pass->max_rows))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("report has more than " INT64_FORMAT " rows",
						pass->max_rows)));
	pass->rows++;
	if (pass->rows % PROGRESS_ROWS == 0)
		report_progress(pass);
	return true;
}

static void
finish(DestReceiver *self)
{
	report_progress(((RowReceiver *) self)->pass);
}

static void
destroy(DestReceiver *self)
{
}

DestReceiver *
rde_receiver_create(RdePass *pass)
{
	RowReceiver *receiver = palloc0(sizeof(RowReceiver));

	receiver->base.receiveSlot = receive;
	receiver->base.rStartup = start;
	receiver->base.rShutdown = finish;
	receiver->base.rDestroy = destroy;
	receiver->base.mydest = DestCopyOut;	/* SPI takes DestNone for no
											 * result */
	receiver->pass = pass;
	pass->export_context = CurrentMemoryContext;
	pass->row_context = AllocSetContextCreate(CurrentMemoryContext,
											  "rde row",
											  ALLOCSET_DEFAULT_SIZES);
	pass->column = -1;
	return &receiver->base;
}

void
rde_pass_error_context(void *arg)
{
	RdePass    *pass = arg;
	int64		row = pass->rows - pass->rows_before + 1;
	char		since[MAXDATELEN + 32] = "";

	if (pass->since)
		snprintf(since, sizeof(since), " of those from %s on", pass->since);
	if (pass->column >= 0)
		errcontext("exporting data set \"%s\", row " INT64_FORMAT
				   "%s, column \"%s\"", pass->dataset, row, since,
				   pass->query->columns[pass->column].name);
	else
		errcontext("exporting data set \"%s\", row " INT64_FORMAT "%s",
				   pass->dataset, row, since);
}
