/*
 * xlsx_kept_test.c
 *	  Kept shells say what the library would say, and are made by it once.
 */
#include "unit/server.h"

#include "format/xlsx_kept.h"

/* Do two workbooks have the same parts, with the same contents? */
static bool
same(const RdeWorkbook *one, const RdeWorkbook *other)
{
	bool		same = one->nparts == other->nparts &&
	memcmp(one->styles, other->styles, sizeof(one->styles)) == 0;

	for (int i = 0; same && i < one->nparts; i++)
	{
		const RdeZipEntry *a = &one->parts[i];
		const RdeZipEntry *b = &other->parts[i];

		same = a->name_length == b->name_length &&
			memcmp(a->name, b->name, a->name_length) == 0 &&
			strcmp(rde_zip_contents(a), rde_zip_contents(b)) == 0;
		if (!same)
			fprintf(tap, "# %.*s: %s\n# %s\n", (int) a->name_length, a->name,
					rde_zip_contents(a), rde_zip_contents(b));
	}
	return same;
}

static const char *
theme(const RdeWorkbook *workbook)
{
	return rde_zip_find(workbook->parts, workbook->nparts,
						"xl/theme/theme1.xml")->data;
}

static void
test_same(void)
{
	static const TimestampTz times[] = {
		DT_NOBEGIN, DT_NOEND, 0, INT64CONST(794000000000000) + 1,
		INT64CONST(-1262304000000000)
	};

	for (size_t i = 0; i < COUNT(times); i++)
	{
		for (int ncolumns = 0; ncolumns <= 40; ncolumns += 20)
		{
			/* the sheets' own parts have their rows written in by others */
			RdeXlsxPlan begun = {.nsheets = 2,.ncolumns = ncolumns,.created = times[i]};

			ok(same(rde_workbook_get(&begun), rde_workbook_create(&begun)),
			   "before the rows are known");
		}
	}
}

/* All but the sheet, which is no part of what is taken. */
static void
test_rows(void)
{
	int			rows[] = {1, 2, 1048576};

	for (size_t i = 0; i < COUNT(rows); i++)
	{
		RdeXlsxPlan ended = {.nsheets = 1,.nrows = &rows[i],.ncolumns = 3,.created = 0};
		RdeWorkbook *kept = rde_workbook_get(&ended);
		RdeWorkbook *made = rde_workbook_create(&ended);
		const char *sheet = RDE_SHEET_PART_PREFIX "1.xml";

		*(RdeZipEntry *) rde_zip_find(kept->parts, kept->nparts, sheet) =
			*rde_zip_find(made->parts, made->nparts, sheet);
		ok(same(kept, made), "with the number of rows");
	}
}

static void
test_once(void)
{
	RdeXlsxPlan plan = {.nsheets = 2,.ncolumns = 7,.created = 0};
	const char *first = theme(rde_workbook_get(&plan));
	RdeXlsxPlan other = {.nsheets = 2,.created = 0};

	plan.created = 1000000;
	ok(theme(rde_workbook_get(&plan)) == first, "made once");
	for (other.ncolumns = 100; other.ncolumns < 115; other.ncolumns++)
		(void) rde_workbook_get(&other);
	ok(theme(rde_workbook_get(&plan)) == first, "and kept beside fifteen others");
	for (other.ncolumns = 100; other.ncolumns < 150; other.ncolumns++)
		(void) rde_workbook_get(&other);
	ok(theme(rde_workbook_get(&plan)) != NULL, "or made again");
}

static void
unit(void)
{
	test_same();
	test_rows();
	test_once();
}
