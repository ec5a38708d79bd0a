/*
 * options.c
 *	  A report's options, from jsonb.
 *
 * Invariant: what this and the formats accept is what the table of options in
 * doc/formats.md says; nothing is ignored.
 */
#include "postgres.h"

#include "format/options.h"

#include "fmgr.h"
#include "format/locale.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

/* What there is, with an example of each. */
static char *
options_hint(void)
{
	const RdeFormat *format;
	StringInfoData hint;

	initStringInfo(&hint);
	appendStringInfoString(&hint, "Options are {\"compress\": false}");
	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
	{
		if (format->options_hint)
			appendStringInfo(&hint, ", %s", format->options_hint);
	}
	appendStringInfoString(&hint, ", {\"locale\": \"de\"} and {\"scope\": \"reseller\"}.");
	return hint.data;
}

void
rde_option_refuse(const char *path, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("report option \"%s\" %s", path, problem),
			 err_generic_string(PG_DIAG_COLUMN_NAME,
								psprintf("options.%s", path)),
			 errhint("%s", options_hint())));
}

bool
rde_option_bool(const char *path, const JsonbValue *value)
{
	if (value->type != jbvBool)
		rde_option_refuse(path, "must be true or false");
	return value->val.boolean;
}

/* A one-character string out of `allowed`. */
char
rde_option_char(const char *path, const JsonbValue *value,
				const char *allowed, const char *problem)
{
	if (value->type != jbvString || value->val.string.len != 1 ||
		strchr(allowed, value->val.string.val[0]) == NULL)
		rde_option_refuse(path, problem);
	return value->val.string.val[0];
}

bool
rde_option_is(const JsonbValue *value, const char *text)
{
	return value->type == jbvString &&
		value->val.string.len == strlen(text) &&
		memcmp(value->val.string.val, text, value->val.string.len) == 0;
}

static void
each_option(JsonbContainer *object, RdeOptionSetter set, void *options)
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

bool
rde_option_each(const JsonbValue *value, RdeOptionSetter set, void *options)
{
	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		return false;
	each_option(value->val.binary.data, set, options);
	return true;
}

static const char *
locale_of(const JsonbValue *value)
{
	if (value->type != jbvString ||
		!rde_is_locale(value->val.string.val, value->val.string.len))
		rde_option_refuse("locale", "must be a locale such as \"en\" or \"de_AT\"");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
set_option(const char *name, const JsonbValue *value, void *parsed)
{
	RdeOptions *options = parsed;
	const RdeFormat *format;

	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
	{
		if (format->set_options && strcmp(name, format->name) == 0)
		{
			format->set_options(value, options->own[i], options);
			return;
		}
	}
	if (strcmp(name, "compress") == 0)
		options->compress = rde_option_bool("compress", value);
	else if (strcmp(name, "locale") == 0)
		options->locale = locale_of(value);
	else if (strcmp(name, "scope") == 0)
	{
		/* for _rde_scope_resellers(), which the report's row is read with */
		if (!rde_option_is(value, "reseller") &&
			!rde_option_is(value, "provider"))
			rde_option_refuse("scope",
							  "must be \"reseller\" or \"provider\"");
	}
	else
		rde_option_refuse(name, "does not exist");
}

void
rde_options_parse(Jsonb *jsonb, RdeOptions *options)
{
	const RdeFormat *format;

	memset(options, 0, sizeof(*options));
	options->compress = true;
	options->own = palloc(rde_format_count() * sizeof(void *));
	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
	{
		options->own[i] = palloc0(format->options_size);
		if (format->default_options)
			format->default_options(options->own[i]);
	}
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("report options must be a JSON object"),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "options"),
				 errhint("%s", options_hint())));
	each_option(&jsonb->root, set_option, options);
}

void *
rde_options_of(const RdeOptions *options, const RdeFormat *format)
{
	int			i = 0;

	while (rde_format_at(i) != format)
		i++;
	return options->own[i];
}

PG_FUNCTION_INFO_V1(rde_check_options_sql);

/* _rde_check_options(format text, options jsonb) → void */
Datum
rde_check_options_sql(PG_FUNCTION_ARGS)
{
	RdeOptions	options;

	(void) rde_format_find(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	rde_options_parse(PG_GETARG_JSONB_P(1), &options);
	PG_RETURN_VOID();
}

/* Of those that are no format's. */
static void
append_option(StringInfo list, const char *name, bool needs_compressible,
			  const char *rest)
{
	const RdeFormat *format;
	const char *separator = "";

	appendStringInfo(list, "{\"name\":\"%s\",\"formats\":[", name);
	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
	{
		if (needs_compressible && !format->compressible)
			continue;
		appendStringInfo(list, "%s\"%s\"", separator, format->name);
		separator = ",";
	}
	appendStringInfo(list, "],%s}", rest);
}

PG_FUNCTION_INFO_V1(rde_option_list);

/*
 * _rde_option_list() → json: of each option its name, the formats that heed it,
 * type (boolean or string), values, default and description
 */
Datum
rde_option_list(PG_FUNCTION_ARGS)
{
	const RdeFormat *format;
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	append_option(&list, "compress", true,
				  "\"type\":\"boolean\",\"default\":true,"
				  "\"description\":\"Files are compressed with gzip\"");
	for (int i = 0; (format = rde_format_at(i)) != NULL; i++)
	{
		if (format->options_list)
			appendStringInfo(&list, ",%s", format->options_list);
	}
	appendStringInfoChar(&list, ',');
	append_option(&list, "locale", false,
				  "\"type\":\"string\",\"default\":null,"
				  "\"description\":\"The language of labels and of multilingual texts, such as en or de_AT\"");
	appendStringInfoChar(&list, ',');
	append_option(&list, "scope", false,
				  "\"type\":\"string\",\"values\":[\"reseller\",\"provider\"],\"default\":null,"
				  "\"description\":\"Whose rows: one's own, or those of the accounts below, too; by default as the account's scope is\"");
	appendStringInfoChar(&list, ']');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(list.data, list.len));
}
