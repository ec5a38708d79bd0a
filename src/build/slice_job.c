/*
 * slice_job.c
 *	  What a helper has to know of a build, as bytes in shared memory.
 *
 * Invariant: what is got is what was put, in the same order, by the same library in
 * the same database: no pointer is among it, and no text is converted.
 */
#include "build/slices.h"

#include "core/calendar.h"
#include "core/pack.h"
#include "format/options.h"

static void
put_int(StringInfo to, int value)
{
	rde_pack(to, &value, sizeof(value));
}

/* Maybe NULL. */
static void
put_text(StringInfo to, const char *text)
{
	put_int(to, text ? (int) strlen(text) : -1);
	if (text)
		rde_pack(to, text, strlen(text));
}

static int
get_int(const char **from)
{
	int			value;

	rde_unpack(from, &value, sizeof(value));
	return value;
}

static const char *
get_text(const char **from)
{
	int			len = get_int(from);
	char	   *text;

	if (len < 0)
		return NULL;
	text = palloc(len + 1);
	rde_unpack(from, text, len);
	text[len] = '\0';
	return text;
}

static void
put_query(StringInfo to, const RdeQuery *query)
{
	put_int(to, query->ncolumns);
	for (int i = 0; i < query->ncolumns; i++)
	{
		put_text(to, query->columns[i].name);
		put_int(to, query->columns[i].transform);
		put_text(to, query->columns[i].argument);
		put_int(to, query->columns[i].amount);
	}
	put_int(to, query->amount);
	put_int(to, query->currency);
	put_int(to, query->currency_padded);
	put_int(to, query->period);
	rde_pack(to, query->cuts, sizeof(RdeCuts));
}

static RdeQuery *
get_query(const char **from)
{
	RdeQuery   *query = palloc0(sizeof(RdeQuery));

	query->ncolumns = get_int(from);
	query->columns = palloc0(sizeof(RdeColumn) * query->ncolumns);
	for (int i = 0; i < query->ncolumns; i++)
	{
		query->columns[i].name = get_text(from);
		query->columns[i].transform = (RdeTransform) get_int(from);
		query->columns[i].argument = get_text(from);
		query->columns[i].amount = get_int(from);
	}
	query->amount = get_int(from);
	query->currency = get_int(from);
	query->currency_padded = get_int(from);
	query->period = get_int(from);
	query->cuts = palloc(sizeof(RdeCuts));
	rde_unpack(from, query->cuts, sizeof(RdeCuts));
	query->reseller = -1;
	query->window_xmax = query->window_end = -1;
	return query;
}

/* Of a report what its rows depend on. */
static void
put_report(StringInfo to, const RdeReport *report)
{
	const RdeFormat *format;

	put_text(to, report->format->name);
	put_int(to, report->compressed);
	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
		rde_pack(to, report->options.own[i], format->options_size);
}

static RdeReport *
get_report(const char **from, const RdePass *pass)
{
	RdeReport  *report = palloc0(sizeof(RdeReport));
	const RdeFormat *format;

	report->name = report->view = "";
	report->dataset = pass->dataset;
	report->zone = pass->zone;
	report->format = rde_format_find(get_text(from));
	report->compressed = get_int(from);
	report->options.own = palloc(sizeof(void *) * rde_format_count());
	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
	{
		report->options.own[i] = palloc0(format->options_size);
		rde_unpack(from, report->options.own[i], format->options_size);
	}
	return report;
}

void
rde_job_put(StringInfo to, const RdeJob *job)
{
	const RdeFiles *files = job->pass->files;

	put_text(to, job->sql);
	put_text(to, job->time_zone);
	put_text(to, job->pass->dataset);
	put_query(to, job->pass->query);
	put_int(to, files->count);
	for (int i = 0; i < files->count; i++)
		put_report(to, files->reports[i]);
	put_int(to, job->nparts);
	for (int i = 0; i < job->nparts; i++)
		put_text(to, job->plans[i]);
}

RdeJob *
rde_job_get(const char *from)
{
	RdeJob	   *job = palloc0(sizeof(RdeJob));
	RdePass    *pass = job->pass = palloc0(sizeof(RdePass));
	const char **plans;
	RdeReport **reports;
	int			count;

	job->sql = get_text(&from);
	job->time_zone = get_text(&from);
	pass->dataset = get_text(&from);
	pass->zone = rde_zone(job->time_zone);
	pass->query = get_query(&from);
	pass->query->sql = job->sql;
	pass->max_rows = -1;
	count = get_int(&from);
	reports = palloc(sizeof(RdeReport *) * count);
	for (int i = 0; i < count; i++)
		reports[i] = get_report(&from, pass);
	job->nparts = get_int(&from);
	plans = palloc(sizeof(char *) * job->nparts);
	for (int i = 0; i < job->nparts; i++)
		plans[i] = get_text(&from);
	job->plans = plans;
	pass->files = rde_files_create(NULL, reports, count);
	pass->files->common.columns = pass->query->columns;
	pass->files->common.ncolumns = pass->query->ncolumns;
	pass->files->has_totals = pass->query->amount >= 0;
	pass->files->cuts = pass->query->cuts;
	return job;
}
