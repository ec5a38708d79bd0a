/*
 * csv.c
 *	  CSV as RFC 4180 has it: header, CRLF, quotes only where they are needed.
 *
 * Invariant: NULL is nothing and empty text is "", so a reader can tell them
 * apart; text never becomes a formula unless the report asked for that.
 */
#include "postgres.h"

#include "bytes/escape.h"
#include "bytes/formula.h"
#include "format/options.h"
#include "format/text.h"
#include "format/value.h"

#define CSV_BOM		"\xEF\xBB\xBF"

typedef struct CsvOptions
{
	char		delimiter;
	char		decimal;		/* '.' or ',' */
	bool		bom;
	bool		formula_guard;
	bool		labels;			/* head the columns, not their names */
} CsvOptions;

/* A field of text: guarded, quoted where needed. */
static inline char *
put_text(RdeBuffer *buffer, char *p, const CsvOptions *options,
		 const char *text, size_t len)
{
	bool		guard = options->formula_guard &&
	rde_csv_is_formula(text, len);

	if (likely(len <= RDE_PIECE_SIZE))
	{
		char	   *end = rde_copy_csv(p + guard, text, len,
									   options->delimiter);

		if (end != NULL)
		{
			if (guard)
				*p = '\'';
			return end;
		}
	}
	else if (!rde_csv_needs_quotes(text, len, options->delimiter))
	{
		if (guard)
			*p++ = '\'';
		return rde_put_bare(buffer, p, text, len);
	}

	*p++ = '"';
	if (guard)
		*p++ = '\'';
	while (unlikely(len > RDE_PIECE_SIZE))
	{
		p = rde_buffer_more(buffer, rde_escape_csv(p, text, RDE_PIECE_SIZE));
		text += RDE_PIECE_SIZE;
		len -= RDE_PIECE_SIZE;
	}
	p = rde_escape_csv(p, text, len);
	*p++ = '"';
	return p;
}

/* A number with a decimal comma. */
static char *
put_comma_number(RdeBuffer *buffer, char *p, char delimiter,
				 const char *text, size_t len)
{
	const char *point = memchr(text, '.', len);
	size_t		whole;

	if (point == NULL)
		return rde_put_bare(buffer, p, text, len);

	whole = point - text;
	if (delimiter == ',')
		*p++ = '"';
	p = rde_put_bare(buffer, p, text, whole);
	*p++ = ',';
	p = rde_put_bare(buffer, p, point + 1, len - whole - 1);
	if (delimiter == ',')
		*p++ = '"';
	return p;
}

/* Spreadsheets take a file that begins with ID for another format, SYLK. */
static char *
put_first_name(RdeBuffer *buffer, char *p, const CsvOptions *options,
			   const char *name, size_t len)
{
	if (len < 2 || memcmp(name, "ID", 2) != 0 ||
		rde_csv_needs_quotes(name, len, options->delimiter))
		return put_text(buffer, p, options, name, len);
	*p++ = '"';
	p = rde_put_bare(buffer, p, name, len);
	*p++ = '"';
	return p;
}

static void
csv_start(RdeFormatContext *context)
{
	context->state = rde_options_of(context->options, &rde_format_csv);
}

static void
csv_head(RdeFormatContext *context)
{
	const CsvOptions *options = context->state;
	RdeBuffer  *buffer = &context->buffer;
	char	   *p = rde_buffer_room(buffer);
	int			i;

	if (options->bom)
	{
		memcpy(p, CSV_BOM, strlen(CSV_BOM));
		p += strlen(CSV_BOM);
	}
	for (i = 0; i < context->ncolumns; i++)
	{
		const char *name = options->labels ?
		rde_column_title(&context->columns[i]) : context->columns[i].name;

		if (i == 0)
			p = put_first_name(buffer, p, options, name, strlen(name));
		else
		{
			*p++ = options->delimiter;
			p = put_text(buffer, p, options, name, strlen(name));
		}
		p = rde_buffer_more(buffer, p);
	}
	*p++ = '\r';
	*p++ = '\n';
	rde_buffer_advance(buffer, p);
}

static void
csv_row(RdeFormatContext *context, const RdeValue *values)
{
	RdeBuffer  *buffer = &context->buffer;
	const CsvOptions *options = context->state;
	char		delimiter = options->delimiter;
	bool		comma = options->decimal == ',';
	int			ncolumns = context->ncolumns;
	char	   *p = rde_buffer_room(buffer);
	const char *full = rde_buffer_full(buffer);
	int			i;

	for (i = 0; i < ncolumns; i++)
	{
		const RdeValue *value = &values[i];

		if (i > 0)
			*p++ = delimiter;
		switch (value->shape)
		{
			case RDE_NULL:
				break;
			case RDE_INTEGER:
				/* what most columns of a wide table are */
				p = rde_write_int64(p, value->u.integer);
				break;
			case RDE_BOOL:
			case RDE_UNIX:
			case RDE_DATE:
			case RDE_LOCAL_TIME:
			case RDE_INSTANT:
				p = rde_put_short(p, value);
				break;
			case RDE_DECIMAL:
			case RDE_FLOAT:
				if (comma)
				{
					p = put_comma_number(buffer, p, delimiter,
										 value->text, value->length);
					break;
				}
				/* FALLTHROUGH */
			case RDE_NOT_A_NUMBER:
				p = rde_put_bare(buffer, p, value->text, value->length);
				break;
			case RDE_TEXT:
				/* infinity and years BC, of a column of dates or times */
				if (context->columns[i].shape != RDE_TEXT)
				{
					p = rde_put_bare(buffer, p, value->text, value->length);
					break;
				}
				/* FALLTHROUGH */
			case RDE_JSON:
				p = put_text(buffer, p, options, value->text, value->length);
				break;
		}
		p = rde_buffer_next(buffer, p, full);
	}
	*p++ = '\r';
	*p++ = '\n';
	rde_buffer_advance(buffer, p);
}

static void
csv_end(RdeFormatContext *context)
{
	/* a CSV file ends with its last row */
}

static void
default_options(void *own)
{
	CsvOptions *options = own;

	options->delimiter = ',';
	options->decimal = '.';
	options->formula_guard = true;
}

static void
set_option(const char *name, const JsonbValue *value, void *own)
{
	CsvOptions *options = own;

	if (strcmp(name, "delimiter") == 0)
		options->delimiter = rde_option_char("csv.delimiter", value, ",;|\t",
											 "must be one of comma, semicolon, bar and tab");
	else if (strcmp(name, "decimal") == 0)
		options->decimal = rde_option_char("csv.decimal", value, ".,",
										   "must be a dot or a comma");
	else if (strcmp(name, "bom") == 0)
		options->bom = rde_option_bool("csv.bom", value);
	else if (strcmp(name, "formula_guard") == 0)
		options->formula_guard = rde_option_bool("csv.formula_guard",
												 value);
	else if (strcmp(name, "header") == 0)
	{
		options->labels = rde_option_is(value, "label");
		if (!options->labels && !rde_option_is(value, "name"))
			rde_option_refuse("csv.header", "must be \"name\" or \"label\"");
	}
	else
		rde_option_refuse(psprintf("csv.%s", name), "does not exist");
}

static void
set_options(const JsonbValue *value, void *own, RdeOptions *all)
{
	CsvOptions *options = own;

	if (rde_option_is(value, "excel"))
	{
		options->bom = true;
		all->compress = false;
	}
	else if (!rde_option_each(value, set_option, options))
		rde_option_refuse("csv", "must be an object or \"excel\"");
	if (options->decimal == options->delimiter)
		rde_option_refuse("csv.decimal", "must differ from the delimiter");
}

const RdeFormat rde_format_csv = {
	.name = "csv",
	.extension = "csv",
	.media_type = "text/csv; charset=utf-8",
	.text = true,
	.compressible = true,
	.options_size = sizeof(CsvOptions),
	.default_options = default_options,
	.set_options = set_options,
	.options_hint = "{\"csv\": {\"delimiter\": \";\", \"decimal\": \",\","
	" \"bom\": true, \"formula_guard\": false, \"header\": \"label\"}}, {\"csv\": \"excel\"}",
	.options_list =
	"{\"name\":\"csv.delimiter\",\"formats\":[\"csv\"],\"type\":\"string\",\"values\":[\",\",\";\",\"|\",\"\\t\"],"
	"\"default\":\",\",\"description\":\"What stands between fields\"},"
	"{\"name\":\"csv.decimal\",\"formats\":[\"csv\"],\"type\":\"string\",\"values\":[\".\",\",\"],"
	"\"default\":\".\",\"description\":\"What stands in front of decimals; not the delimiter\"},"
	"{\"name\":\"csv.bom\",\"formats\":[\"csv\"],\"type\":\"boolean\","
	"\"default\":false,\"description\":\"A UTF-8 byte order mark first, for Excel\"},"
	"{\"name\":\"csv.formula_guard\",\"formats\":[\"csv\"],\"type\":\"boolean\","
	"\"default\":true,\"description\":\"Text that a spreadsheet would calculate is marked as text\"},"
	"{\"name\":\"csv.header\",\"formats\":[\"csv\"],\"type\":\"string\",\"values\":[\"name\",\"label\"],"
	"\"default\":\"name\",\"description\":\"What heads a column: its name, or its label in the report's locale\"},"
	"{\"name\":\"csv\",\"formats\":[\"csv\"],\"type\":\"string\",\"values\":[\"excel\"],"
	"\"default\":null,\"description\":\"In place of the others: a byte order mark and no gzip\"}",
	.start = csv_start,
	.head = csv_head,
	.row = csv_row,
	.end = csv_end,
};
