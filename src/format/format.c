/*
 * format.c
 *	  The list of formats.
 *
 * Invariant: a format is known to the rest of the extension by its line here
 * and by nothing else.
 */
#include "postgres.h"

#include "format/format.h"
#include "format/text.h"

static const RdeFormat *const formats[] = {
	&rde_format_csv,
	&rde_format_json,
	&rde_format_xml,
	&rde_format_xlsx,
};

const RdeFormat *
rde_format_find(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(formats); i++)
	{
		if (pg_strcasecmp(formats[i]->name, name) == 0)
			return formats[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("report format \"%s\" is not supported", name),
			 errhint("Use csv, json, xml or xlsx.")));
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
