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

static bool
means(const char *text, RdeOptions expected)
{
	RdeOptions	options;

	rde_options_parse(json(text), &options);
	return options.compress == expected.compress &&
		options.csv_delimiter == expected.csv_delimiter &&
		options.csv_decimal == expected.csv_decimal &&
		options.csv_bom == expected.csv_bom &&
		options.csv_formula_guard == expected.csv_formula_guard &&
		options.json_numbers_as_string == expected.json_numbers_as_string;
}

static void
test_taken(void)
{
	static const RdeOptions defaults = {true, ',', '.', false, true, false};
	RdeOptions	expected = defaults;

	ok(means("{}", defaults), "the defaults");
	ok(means("{\"scope\": \"reseller\"}", defaults) &&
	   means("{\"scope\": \"provider\"}", defaults) &&
	   means("{\"csv\": {}, \"json\": {\"numbers\": \"number\"}}", defaults),
	   "what changes nothing");
	expected.compress = false;
	ok(means("{\"compress\": false}", expected), "compress");
	expected.csv_bom = true;
	ok(means("{\"csv\": \"excel\"}", expected), "excel");
	expected = defaults;
	expected.csv_delimiter = ';';
	expected.csv_decimal = ',';
	expected.csv_formula_guard = false;
	ok(means("{\"csv\": {\"delimiter\": \";\", \"decimal\": \",\", \"formula_guard\": false}}",
			 expected), "csv");
	expected = defaults;
	expected.csv_delimiter = '\t';
	ok(means("{\"csv\": {\"delimiter\": \"\\t\"}}", expected), "a tab");
	expected = defaults;
	expected.json_numbers_as_string = true;
	ok(means("{\"json\": {\"numbers\": \"string\"}}", expected), "json");
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
