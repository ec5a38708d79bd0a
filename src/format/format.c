/*
 * format.c
 *	  The list of formats.
 *
 * Invariant: what formats there are is said here alone; SQL asks
 * _rde_format_name().  A format is its file and its line here.
 */
#include "postgres.h"

#include "format/format.h"

#include "file/cut.h"
#include "fmgr.h"
#include "format/text.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"

static const RdeFormat *const formats[] = {
	&rde_format_csv,
	&rde_format_json,
	&rde_format_jsonl,
	&rde_format_xml,
	&rde_format_xlsx,
};

/* Their names, as in "a, b or c". */
static char *
format_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < lengthof(formats); i++)
		appendStringInfo(&names, "%s%s",
						 i == 0 ? "" :
						 i == lengthof(formats) - 1 ? " or " : ", ",
						 formats[i]->name);
	return names.data;
}

const RdeFormat *
rde_format_find(const char *name)
{
	for (int i = 0; i < lengthof(formats); i++)
	{
		const char *other = formats[i]->other_name;

		if (pg_strcasecmp(formats[i]->name, name) == 0 ||
			(other && pg_strcasecmp(other, name) == 0))
			return formats[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("report format \"%s\" is not supported", name),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "format"),
			 errhint("Use %s.", format_names())));
}

const RdeFormat *
rde_format_at(int number)
{
	return number < lengthof(formats) ? formats[number] : NULL;
}

int
rde_format_count(void)
{
	return lengthof(formats);
}

void
rde_slice_begin(RdeFormatContext *context)
{
	context->in_slice = true;
	if (context->cut == NULL)
		return;
	rde_buffer_drain(&context->buffer);
	rde_cut_begin(context->cut);
}

void
rde_slice_end(RdeFormatContext *context)
{
	context->in_slice = false;
	if (context->cut == NULL)
		return;
	rde_buffer_drain(&context->buffer);
	rde_cut_end(context->cut);
}

RdeTag
rde_tag_make(const RdeColumn *column, const char *text, const char *end)
{
	RdeTag		tag = {text, end - text};

	if (tag.length > RDE_TAG_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of report column \"%.32s...\" is too long",
						column->name)));
	return tag;
}

PG_FUNCTION_INFO_V1(rde_format_name_sql);

/* _rde_format_name(format text) → text: as it stands in the list; raises 22023 */
Datum
rde_format_name_sql(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(rde_format_find(name)->name));
}

PG_FUNCTION_INFO_V1(rde_format_list);

/* _rde_format_list() → json: name, mediaType and whether it is text, of each */
Datum
rde_format_list(PG_FUNCTION_ARGS)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < lengthof(formats); i++)
	{
		appendStringInfoString(&list, i ? ",{\"name\":" : "[{\"name\":");
		escape_json(&list, formats[i]->name);
		appendStringInfoString(&list, ",\"mediaType\":");
		escape_json(&list, formats[i]->media_type);
		appendStringInfo(&list, ",\"text\":%s}",
						 formats[i]->text ? "true" : "false");
	}
	appendStringInfoChar(&list, ']');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(list.data, list.len));
}
