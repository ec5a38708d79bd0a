/*
 * xlsx_kept.c
 *	  Shells of workbooks that the session has made before.
 *
 * To make one costs a small report more than all its rows; and the library it is
 * made by does not look at what malloc() gave it.
 *
 * Invariant: a report's bytes do not depend on whether its shell was kept: what
 * differs from report to report is written in here each time.
 */
#include "postgres.h"

#include "format/value.h"
#include "format/xlsx_kept.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A shell takes about 10 KiB, whatever its columns; the oldest one makes room. */
#define KEPT			16

/* What the library writes for a time before its own beginning. */
#define KEPT_CREATED	"1970-01-01T00:00:01Z"

/* The last row of a filter, as the workbook names it for an unknown number. */
#define KEPT_LAST_ROW	"$1048576<"

typedef struct Kept
{
	int			nsheets;		/* 0: free */
	int			ncolumns;
	uint64		used;
	MemoryContext context;
	const RdeWorkbook *workbook;
} Kept;

static Kept kept[KEPT];
static uint64 uses;

static Kept *
find(const RdeXlsxPlan *plan)
{
	Kept	   *oldest = &kept[0];

	for (int i = 0; i < KEPT; i++)
	{
		if (kept[i].nsheets == plan->nsheets &&
			kept[i].ncolumns == plan->ncolumns)
			return &kept[i];
		if (kept[i].used < oldest->used)
			oldest = &kept[i];
	}
	return oldest;
}

/* Have the library make one, in place of another. */
static void
make(Kept *entry, const RdeXlsxPlan *plan)
{
	RdeXlsxPlan unknown = {
		.nsheets = plan->nsheets,.ncolumns = plan->ncolumns,
		.created = DT_NOBEGIN
	};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "rde kept workbook",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const RdeWorkbook *workbook = rde_workbook_create(&unknown);

	MemoryContextSwitchTo(old);
	if (entry->nsheets > 0)
		MemoryContextDelete(entry->context);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->workbook = workbook;
	entry->nsheets = plan->nsheets;
	entry->ncolumns = plan->ncolumns;
}

/* A part with another text wherever it has this one, which it has. */
static void
rewrite(RdeWorkbook *workbook, const char *name, const char *from,
		const char *to)
{
	RdeZipEntry *part = (RdeZipEntry *) rde_zip_find(workbook->parts,
													 workbook->nparts, name);
	char	   *xml;
	char	   *at;
	StringInfoData written;

	if (part == NULL)
		elog(ERROR, "workbook has no part \"%s\"", name);
	xml = rde_zip_contents(part);
	if (strstr(xml, from) == NULL)
		elog(ERROR, "part \"%s\" of the workbook has no \"%s\"", name, from);
	initStringInfo(&written);
	while ((at = strstr(xml, from)) != NULL)
	{
		appendBinaryStringInfo(&written, xml, at - xml);
		appendStringInfoString(&written, to);
		xml = at + strlen(from);
	}
	appendStringInfoString(&written, xml);
	rde_zip_store(part, written.data, written.len);
}

static void
set_created(RdeWorkbook *workbook, TimestampTz created)
{
	char		text[RDE_VALUE_TEXT_MAX];
	time_t		seconds = TIMESTAMP_NOT_FINITE(created) ? 1 :
	Max(timestamptz_to_time_t(created), 1);

	*rde_write_instant(text, time_t_to_timestamptz(seconds)) = '\0';
	rewrite(workbook, "docProps/core.xml", KEPT_CREATED, text);
}

RdeWorkbook *
rde_workbook_get(const RdeXlsxPlan *plan)
{
	RdeWorkbook *workbook;
	Kept	   *entry;
	char		last_row[16];

	if (plan->notes || plan->charts || (plan->nrows && plan->nsheets > 1))
		return rde_workbook_create(plan);
	entry = find(plan);
	if (entry->nsheets != plan->nsheets || entry->ncolumns != plan->ncolumns)
		make(entry, plan);
	entry->used = ++uses;

	workbook = palloc(sizeof(RdeWorkbook));
	*workbook = *entry->workbook;
	workbook->parts = palloc(sizeof(RdeZipEntry) * workbook->nparts);
	memcpy(workbook->parts, entry->workbook->parts,
		   sizeof(RdeZipEntry) * workbook->nparts);
	set_created(workbook, plan->created);
	if (plan->nrows && plan->ncolumns > 0)
	{
		snprintf(last_row, sizeof(last_row), "$%d<", plan->nrows[0]);
		rewrite(workbook, "xl/workbook.xml", KEPT_LAST_ROW, last_row);
	}
	return workbook;
}
