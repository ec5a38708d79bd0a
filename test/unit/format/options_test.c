/*
 * options_test.c
 *	  A report's options: what is taken, with which meaning, and what is refused.
 */
#include "unit/server.h"

#include "format/options.h"

static Jsonb *
json(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* Do two texts ask for the same? */
static bool
same(const char *one, const char *other)
{
	RdeOptions	a;
	RdeOptions	b;

	rde_options_parse(json(one), &a);
	rde_options_parse(json(other), &b);
	if (a.compress != b.compress)
		return false;
	for (int i = 0; i < rde_format_count(); i++)
	{
		if (memcmp(a.own[i], b.own[i], rde_format_at(i)->options_size) != 0)
			return false;
	}
	return true;
}

/* What each option does to a file, the tests in SQL show. */
static void
test_taken(void)
{
	static const char *const other[] = {
		"{\"compress\": false}",
		"{\"csv\": {\"bom\": true}}",
		"{\"csv\": {\"delimiter\": \";\"}}",
		"{\"csv\": {\"delimiter\": \"|\"}}",
		"{\"csv\": {\"delimiter\": \"\\t\"}}",
		"{\"csv\": {\"delimiter\": \"|\", \"decimal\": \",\"}}",
		"{\"csv\": {\"formula_guard\": false}}",
		"{\"json\": {\"numbers\": \"string\"}}"
	};

	ok(same("{}", "{\"compress\": true, \"scope\": \"reseller\"}") &&
	   same("{}", "{\"scope\": \"provider\"}") &&
	   same("{}", "{\"csv\": {}, \"json\": {}}") &&
	   same("{}", "{\"csv\": {\"delimiter\": \",\", \"decimal\": \".\", \"bom\": false, \"formula_guard\": true}}") &&
	   same("{}", "{\"json\": {\"numbers\": \"number\"}}"),
	   "the defaults");
	ok(same("{\"csv\": \"excel\"}",
			"{\"compress\": false, \"csv\": {\"bom\": true}}"), "excel");
	for (size_t i = 0; i < COUNT(other); i++)
	{
		bool		alone = !same("{}", other[i]);

		for (size_t j = 0; j < i; j++)
			alone = alone && !same(other[i], other[j]);
		ok(alone, other[i]);
	}
}

static void
test_refused(void)
{
	static const char *const bad[] = {
		"[]", "[1]", "1", "\"csv\"", "null",
		"{\"colour\": 1}", "{\"\": 1}", "{\"Compress\": true}",
		"{\"compress\": 1}", "{\"compress\": null}", "{\"compress\": \"false\"}",
		"{\"csv\": true}", "{\"csv\": \"Excel\"}", "{\"csv\": []}", "{\"csv\": null}",
		"{\"csv\": {\"delimiter\": \"\"}}", "{\"csv\": {\"delimiter\": \",,\"}}",
		"{\"csv\": {\"delimiter\": \"a\"}}", "{\"csv\": {\"delimiter\": 1}}",
		"{\"csv\": {\"delimiter\": \"\xC3\xA9\"}}", "{\"csv\": {\"quote\": \"'\"}}",
		"{\"csv\": {\"decimal\": \";\"}}", "{\"csv\": {\"decimal\": \",\"}}",
		"{\"csv\": {\"delimiter\": \",\", \"decimal\": \",\"}}",
		"{\"csv\": {\"bom\": \"yes\"}}", "{\"csv\": {\"formula_guard\": {}}}",
		"{\"json\": \"string\"}", "{\"json\": []}", "{\"json\": {\"numbers\": \"\"}}",
		"{\"json\": {\"numbers\": true}}", "{\"json\": {\"number\": \"string\"}}",
		"{\"scope\": \"all\"}", "{\"scope\": {}}", "{\"scope\": null}"
	};
	MemoryContext context = CurrentMemoryContext;

	for (volatile size_t i = 0; i < COUNT(bad); i++)
	{
		volatile bool refused = false;
		RdeOptions	options;

		PG_TRY();
		{
			rde_options_parse(json(bad[i]), &options);
		}
		PG_CATCH();
		{
			refused = raised(ERRCODE_INVALID_PARAMETER_VALUE, context);
		}
		PG_END_TRY();
		ok(refused, bad[i]);
	}
}

static void
unit(void)
{
	test_taken();
	test_refused();
}
