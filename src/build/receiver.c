/*
 * receiver.c
 *	  From tuple to format: every column's value once, every format after it.
 *
 * Invariant: no tuple is copied, and what a row allocates is gone before the
 * next one; a pass holds one row and the formats' buffers, however many rows
 * there are.
 */
#include "build/receiver.h"

#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

/* Rows between two reports of progress: a store to shared memory is not free. */
#define PROGRESS_ROWS	256

typedef struct RowReceiver
{
	DestReceiver base;
	RdePass    *pass;
} RowReceiver;

static void
start(DestReceiver *self, int operation, TupleDesc desc)
{
	RdePass    *pass = ((RowReceiver *) self)->pass;
	MemoryContext old = MemoryContextSwitchTo(pass->export_context);

	for (int i = 0; i < pass->query->ncolumns; i++)
		rde_column_prepare(&pass->query->columns[i],
						   TupleDescAttr(desc, i)->atttypid);
	rde_column_prepare(&pass->query->period_column,
					   TupleDescAttr(desc, pass->query->period)->atttypid);
	pass->values = palloc0(sizeof(RdeValue) * pass->query->ncolumns);
	for (int i = 0; i < pass->noutputs; i++)
	{
		pass->outputs[i].period = &pass->period;
		pass->outputs[i].format->start(&pass->outputs[i]);
	}
	MemoryContextSwitchTo(old);
}

/* Tell the formats what the row is about, whatever its view shows of it. */
static void
add_facts(RdePass *pass, TupleTableSlot *slot)
{
	RdeQuery   *query = pass->query;
	Numeric		amount = NULL;
	const char *currency = NULL;
	size_t		currency_len = 0;

	if (query->amount >= 0 && !slot->tts_isnull[query->amount])
		amount = DatumGetNumeric(slot->tts_values[query->amount]);
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
		rde_column_value(&query->period_column,
						 slot->tts_values[query->period], pass->zone,
						 &pass->period);
	for (int i = 0; i < pass->noutputs; i++)
	{
		pass->outputs[i].amount = amount;
		pass->outputs[i].currency = currency;
		pass->outputs[i].currency_length = currency_len;
	}
	if (pass->totals)
		rde_totals_add(pass->totals, currency, currency_len, amount);
}

static void
report_progress(RdePass *pass)
{
	const int	index[] = {
		PROGRESS_COPY_TUPLES_PROCESSED, PROGRESS_COPY_BYTES_PROCESSED
	};
	int64		values[] = {pass->rows, 0};

	for (int i = 0; i < pass->noutputs; i++)
		values[1] += pass->outputs[i].sink->bytes;
	pgstat_progress_update_multi_param(lengthof(index), index, values);
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
	for (int i = 0; i < query->ncolumns; i++)
	{
		pass->column = i;
		if (slot->tts_isnull[i])
			pass->values[i].shape = RDE_NULL;
		else
			rde_column_value(&query->columns[i], slot->tts_values[i],
							 pass->zone, &pass->values[i]);
	}
	pass->column = -1;
	add_facts(pass, slot);
	for (int i = 0; i < pass->noutputs; i++)
		pass->outputs[i].format->row(&pass->outputs[i], pass->values);

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

	if (pass->column >= 0)
		errcontext("exporting data set \"%s\", row " INT64_FORMAT
				   ", column \"%s\"", pass->dataset, pass->rows + 1,
				   pass->query->columns[pass->column].name);
	else
		errcontext("exporting data set \"%s\", row " INT64_FORMAT,
				   pass->dataset, pass->rows + 1);
}
