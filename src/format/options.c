/*
 * options.c
 *	  A report's options, from jsonb.
 *
 * Invariant: what this accepts is what README's table of options says; nothing
 * is ignored.
 */
#include "format/options.h"

#include "core/compat.h"
#include "fmgr.h"
#include "utils/builtins.h"

#define OPTIONS_HINT \
	"Options are {\"compress\": false}, {\"csv\": {\"delimiter\": \";\", " \
	"\"decimal\": \",\", \"bom\": true, \"formula_guard\": false}}, " \
	"{\"csv\": \"excel\"}, {\"json\": {\"numbers\": \"string\"}} and " \
	"{\"scope\": \"reseller\"}."

static void
bad_option(const char *path, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("report option \"%s\" %s", path, problem),
			 errhint(OPTIONS_HINT)));
}

static bool
get_bool(const char *path, const JsonbValue *value)
{
	if (value->type != jbvBool)
		bad_option(path, "must be true or false");
	return value->val.boolean;
}

/* A one-character string out of `allowed`. */
static char
get_char(const char *path, const JsonbValue *value, const char *allowed,
		 const char *problem)
{
	if (value->type != jbvString || value->val.string.len != 1 ||
		strchr(allowed, value->val.string.val[0]) == NULL)
		bad_option(path, problem);
	return value->val.string.val[0];
}

static bool
is_string(const JsonbValue *value, const char *text)
{
	return value->type == jbvString &&
		value->val.string.len == strlen(text) &&
		memcmp(value->val.string.val, text, value->val.string.len) == 0;
}

typedef void (*OptionSetter) (const char *name, const JsonbValue *value,
							  RdeOptions *options);

/* Call set for every key of an object. */
static void
each_option(JsonbContainer *object, OptionSetter set, RdeOptions *options)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	item;

	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(item.val.string.val, item.val.string.len);
		(void) JsonbIteratorNext(&iterator, &item, true);
		set(name, &item, options);
	}
}

static void
set_csv(const char *name, const JsonbValue *value, RdeOptions *options)
{
	if (strcmp(name, "delimiter") == 0)
		options->csv_delimiter = get_char("csv.delimiter", value, ",;|\t",
										  "must be one of comma, semicolon, bar and tab");
	else if (strcmp(name, "decimal") == 0)
		options->csv_decimal = get_char("csv.decimal", value, ".,",
										"must be a dot or a comma");
	else if (strcmp(name, "bom") == 0)
		options->csv_bom = get_bool("csv.bom", value);
	else if (strcmp(name, "formula_guard") == 0)
		options->csv_formula_guard = get_bool("csv.formula_guard", value);
	else
		bad_option(psprintf("csv.%s", name), "does not exist");
}

static void
set_json(const char *name, const JsonbValue *value, RdeOptions *options)
{
	if (strcmp(name, "numbers") != 0)
		bad_option(psprintf("json.%s", name), "does not exist");
	if (!is_string(value, "string") && !is_string(value, "number"))
		bad_option("json.numbers", "must be \"number\" or \"string\"");
	options->json_numbers_as_string = is_string(value, "string");
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary &&
		JsonContainerIsObject(value->val.binary.data);
}

static void
set_option(const char *name, const JsonbValue *value, RdeOptions *options)
{
	if (strcmp(name, "compress") == 0)
		options->compress = get_bool("compress", value);
	else if (strcmp(name, "csv") == 0)
	{
		if (is_string(value, "excel"))
		{
			options->csv_bom = true;
			options->compress = false;
		}
		else if (is_object(value))
			each_option(value->val.binary.data, set_csv, options);
		else
			bad_option("csv", "must be an object or \"excel\"");
	}
	else if (strcmp(name, "json") == 0)
	{
		if (!is_object(value))
			bad_option("json", "must be an object");
		each_option(value->val.binary.data, set_json, options);
	}
	else if (strcmp(name, "scope") == 0)
	{
		/* for _rde_scope_resellers(), which the report's row is read with */
		if (!is_string(value, "reseller") && !is_string(value, "provider"))
			bad_option("scope", "must be \"reseller\" or \"provider\"");
	}
	else
		bad_option(name, "does not exist");
}

void
rde_options_parse(Jsonb *jsonb, RdeOptions *options)
{
	memset(options, 0, sizeof(*options));
	options->compress = true;
	options->csv_delimiter = ',';
	options->csv_decimal = '.';
	options->csv_formula_guard = true;

	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("report options must be a JSON object"),
				 errhint(OPTIONS_HINT)));
	each_option(&jsonb->root, set_option, options);
	if (options->csv_decimal == options->csv_delimiter)
		bad_option("csv.decimal", "must differ from the delimiter");
}
