/*
 * json.c
 *	  JSON: one array, one object a line; and what JSON Lines shares with it.
 *
 * Invariant: every row has every key; a number keeps every digit it has.
 */
#include "postgres.h"

#include "bytes/escape.h"
#include "format/json.h"
#include "format/options.h"
#include "format/text.h"
#include "format/value.h"

typedef struct JsonOptions
{
	bool		numbers_as_string;
} JsonOptions;

static inline char *
put_string(RdeBuffer *buffer, char *p, const char *text, size_t len)
{
	*p++ = '"';
	while (unlikely(len > RDE_PIECE_SIZE))
	{
		p = rde_buffer_more(buffer, rde_escape_json(p, text, RDE_PIECE_SIZE));
		text += RDE_PIECE_SIZE;
		len -= RDE_PIECE_SIZE;
	}
	p = rde_escape_json(p, text, len);
	*p++ = '"';
	return p;
}

/* Digits, which need no escaping, maybe as a string. */
static inline char *
put_number(RdeBuffer *buffer, char *p, const RdeValue *value, bool as_string)
{
	if (as_string)
		*p++ = '"';
	if (value->shape == RDE_INTEGER)
		p = rde_write_int64(p, value->u.integer);
	else
		p = rde_put_bare(buffer, p, value->text, value->length);
	if (as_string)
		*p++ = '"';
	return p;
}

static inline char *
put_null(char *p)
{
	memcpy(p, "null", 4);
	return p + 4;
}

RdeJsonRow *
rde_json_row(const RdeFormatContext *context)
{
	const JsonOptions *options = rde_options_of(context->options,
												&rde_format_json);
	RdeJsonRow *row = palloc(sizeof(RdeJsonRow));
	RdeTag	   *keys = palloc((context->ncolumns + 1) * sizeof(RdeTag));

	for (int i = 0; i < context->ncolumns; i++)
	{
		const char *name = context->columns[i].name;
		size_t		len = strlen(name);
		char	   *text = palloc(6 * len + 4);
		char	   *p = text;

		if (i > 0)
			*p++ = ',';
		*p++ = '"';
		p = rde_escape_json(p, name, len);
		*p++ = '"';
		*p++ = ':';
		keys[i] = rde_tag_make(&context->columns[i], text, p);
	}
	row->keys = keys;
	row->as_string = options->numbers_as_string;
	return row;
}

static void
json_start(RdeFormatContext *context)
{
	context->state = rde_json_row(context);
}

static void
json_head(RdeFormatContext *context)
{
	rde_buffer_append(&context->buffer, "[\n", 2);
}

void
rde_json_put_row(RdeFormatContext *context, const RdeJsonRow *row,
				 const RdeValue *values)
{
	RdeBuffer  *buffer = &context->buffer;
	bool		as_string = row->as_string;
	int			ncolumns = context->ncolumns;
	char	   *p = rde_buffer_room(buffer);
	const char *full = rde_buffer_full(buffer);
	int			i;

	*p++ = '{';
	for (i = 0; i < ncolumns; i++)
	{
		const RdeValue *value = &values[i];

		p = rde_put_tag(p, &row->keys[i]);
		switch (value->shape)
		{
			case RDE_NULL:
				p = put_null(p);
				break;
			case RDE_BOOL:
			case RDE_UNIX:
				p = rde_put_short(p, value);
				break;
			case RDE_INTEGER:
			case RDE_DECIMAL:
			case RDE_FLOAT:
				p = put_number(buffer, p, value, as_string);
				break;
			case RDE_NOT_A_NUMBER:
				p = as_string ? put_number(buffer, p, value, true) :
					put_null(p);
				break;
			case RDE_DATE:
			case RDE_LOCAL_TIME:
			case RDE_INSTANT:
				*p++ = '"';
				p = rde_put_short(p, value);
				*p++ = '"';
				break;
			case RDE_TEXT:
				p = put_string(buffer, p, value->text, value->length);
				break;
			case RDE_JSON:
				p = rde_put_bare(buffer, p, value->text, value->length);
				break;
		}
		p = rde_buffer_next(buffer, p, full);
	}
	*p++ = '}';
	rde_buffer_advance(buffer, p);
}

static void
json_row(RdeFormatContext *context, const RdeValue *values)
{
	rde_json_put_row(context, context->state, values);
}

static void
json_end(RdeFormatContext *context)
{
	char	   *p = rde_buffer_room(&context->buffer);

	if (context->any_row)
		*p++ = '\n';
	*p++ = ']';
	*p++ = '\n';
	rde_buffer_advance(&context->buffer, p);
}

static void
set_option(const char *name, const JsonbValue *value, void *own)
{
	JsonOptions *options = own;

	if (strcmp(name, "numbers") != 0)
		rde_option_refuse(psprintf("json.%s", name), "does not exist");
	if (!rde_option_is(value, "string") && !rde_option_is(value, "number"))
		rde_option_refuse("json.numbers",
						  "must be \"number\" or \"string\"");
	options->numbers_as_string = rde_option_is(value, "string");
}

static void
set_options(const JsonbValue *value, void *own, RdeOptions *all)
{
	if (!rde_option_each(value, set_option, own))
		rde_option_refuse("json", "must be an object");
}

const RdeFormat rde_format_json = {
	.name = "json",
	.extension = "json",
	.media_type = "application/json; charset=utf-8",
	.text = true,
	.compressible = true,
	.options_size = sizeof(JsonOptions),
	.set_options = set_options,
	.options_hint = "{\"json\": {\"numbers\": \"string\"}}",
	.options_list =
	"{\"name\":\"json.numbers\",\"formats\":[\"json\",\"jsonl\"],\"type\":\"string\",\"values\":[\"number\",\"string\"],"
	"\"default\":\"number\",\"description\":\"Numbers as strings, for readers that lose digits\"}",
	.start = json_start,
	.head = json_head,
	.between = ",\n",
	.row = json_row,
	.end = json_end,
};
