/*
 * xml.c
 *	  XML: a <row> per line, an element per column.
 *
 * Invariant: the file is well-formed XML 1.0 whatever the data is; what that
 * cannot hold is replaced and counted.
 */
#include "postgres.h"

#include "bytes/markup.h"
#include "bytes/utf8.h"
#include "bytes/xml_name.h"
#include "format/format.h"
#include "format/text.h"
#include "bytes/pairs.h"
#include "format/value.h"

typedef struct XmlColumn
{
	RdeTag		open;			/* <x> */
	RdeTag		close;			/* </x> */
	RdeTag		empty;			/* <x/> */
	RdeTag		null;			/* <x xsi:nil="true"/> */
} XmlColumn;

typedef char *(*Escaper) (char *dst, const char *src, size_t len,
						  int64_t *replaced);

#define PUT(p, text) \
	(memcpy(p, text, sizeof(text) - 1), (p) + sizeof(text) - 1)

/* In pieces that cut no character: a forbidden one must be seen whole. */
static inline char *
put_escaped(RdeFormatContext *context, char *p, Escaper escape,
			const char *text, size_t len)
{
	int64_t		replaced = 0;

	while (unlikely(len > RDE_PIECE_SIZE))
	{
		size_t		n = rde_piece(text, len, RDE_PIECE_SIZE);

		p = rde_buffer_more(&context->buffer, escape(p, text, n, &replaced));
		text += n;
		len -= n;
	}
	p = escape(p, text, len, &replaced);
	context->replaced_characters += replaced;
	return p;
}

/* The inside of a JSON string. */
static char *
put_unescaped(RdeFormatContext *context, char *p, Escaper escape,
			  const char *text, size_t len)
{
	const char *end = text + len;
	int64_t		replaced = 0;
	char		piece[1024];

	while (text < end)
	{
		char	   *stop = rde_pairs_unescape(piece, sizeof(piece),
											  &text, end, &replaced);

		p = escape(p, piece, stop - piece, &replaced);
		p = rde_buffer_more(&context->buffer, p);
	}
	context->replaced_characters += replaced;
	return p;
}

static char *
put_pair(RdeFormatContext *context, char *p, const RdePair *pair)
{
	p = PUT(p, "<attribute name=\"");
	p = put_unescaped(context, p, rde_escape_xml_attribute,
					  pair->name, pair->name_length);
	if (pair->kind == RDE_PAIR_NULL)
		return PUT(p, "\" xsi:nil=\"true\"/>");
	if (pair->value_length == 0)
		return PUT(p, "\"/>");
	p = PUT(p, "\">");
	if (pair->kind == RDE_PAIR_STRING)
		p = put_unescaped(context, p, rde_escape_xml,
						  pair->value, pair->value_length);
	else
		p = rde_put_bare(&context->buffer, p,
						 pair->value, pair->value_length);
	return PUT(p, "</attribute>");
}

/* Pairs as elements, other JSON as its text. */
static char *
put_json(RdeFormatContext *context, char *p, const XmlColumn *column,
		 const RdeValue *value)
{
	RdePairs	pairs;
	RdePair		pair;
	bool		any = false;

	if (!rde_pairs_valid(value->text, value->length))
	{
		p = rde_put_tag(p, &column->open);
		p = put_escaped(context, p, rde_escape_xml,
						value->text, value->length);
		return rde_put_tag(p, &column->close);
	}

	rde_pairs_begin(&pairs, value->text, value->length);
	while (rde_pairs_next(&pairs, &pair))
	{
		if (!any)
			p = rde_put_tag(p, &column->open);
		any = true;
		p = put_pair(context, p, &pair);
		p = rde_buffer_more(&context->buffer, p);
	}
	return rde_put_tag(p, any ? &column->close : &column->empty);
}

static RdeTag
make_tag(const RdeColumn *column, const char *before, const char *name,
		 const char *after)
{
	char	   *text = psprintf("%s%s%s", before, name, after);

	return rde_tag_make(column, text, text + strlen(text));
}

static char *
put_attribute(RdeFormatContext *context, char *p, const char *name,
			  const char *value)
{
	*p++ = ' ';
	p = rde_put_bare(&context->buffer, p, name, strlen(name));
	p = PUT(p, "=\"");
	p = put_escaped(context, p, rde_escape_xml_attribute,
					value, strlen(value));
	*p++ = '"';
	return rde_buffer_more(&context->buffer, p);
}

static char *
put_instant(RdeFormatContext *context, char *p, const char *name,
			TimestampTz time)
{
	char		text[RDE_VALUE_TEXT_MAX];

	*rde_write_instant(text, time) = '\0';
	return put_attribute(context, p, name, text);
}

static void
xml_start(RdeFormatContext *context)
{
	XmlColumn  *columns = palloc(context->ncolumns * sizeof(XmlColumn));
	int			i;

	for (i = 0; i < context->ncolumns; i++)
	{
		const RdeColumn *column = &context->columns[i];
		size_t		len = strlen(column->name);
		char	   *name = palloc(10 * len + 8 + 1);

		*rde_escape_xml_name(name, column->name, len) = '\0';
		columns[i].open = make_tag(column, "<", name, ">");
		columns[i].close = make_tag(column, "</", name, ">");
		columns[i].empty = make_tag(column, "<", name, "/>");
		columns[i].null = make_tag(column, "<", name, " xsi:nil=\"true\"/>");
	}
	context->state = columns;
}

static void
xml_head(RdeFormatContext *context)
{
	char	   *p = rde_buffer_room(&context->buffer);

	p = PUT(p, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report "
			"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
	p = put_attribute(context, p, "name", context->report_name);
	p = put_attribute(context, p, "dataset", context->dataset);
	p = put_attribute(context, p, "view", context->view);
	if (context->invoice)
		p = put_attribute(context, p, "invoice", context->invoice);
	else
	{
		p = put_instant(context, p, "from", context->period_from);
		p = put_instant(context, p, "to", context->period_to);
	}
	p = PUT(p, ">\n");
	rde_buffer_advance(&context->buffer, p);
}

static void
xml_row(RdeFormatContext *context, const RdeValue *values)
{
	RdeBuffer  *buffer = &context->buffer;
	const XmlColumn *columns = context->state;
	int			ncolumns = context->ncolumns;
	char	   *p = rde_buffer_room(buffer);
	const char *full = rde_buffer_full(buffer);
	int			i;

	p = PUT(p, "<row>");
	for (i = 0; i < ncolumns; i++)
	{
		const XmlColumn *column = &columns[i];
		const RdeValue *value = &values[i];

		/* shapes without an element's ordinary frame */
		if (value->shape == RDE_NULL)
			p = rde_put_tag(p, &column->null);
		else if (value->shape == RDE_JSON)
			p = put_json(context, p, column, value);
		else if (value->shape == RDE_TEXT && value->length == 0)
			p = rde_put_tag(p, &column->empty);
		else
		{
			p = rde_put_tag(p, &column->open);
			switch (value->shape)
			{
				case RDE_NULL:
				case RDE_JSON:
					break;		/* written above */
				case RDE_BOOL:
				case RDE_INTEGER:
				case RDE_UNIX:
				case RDE_DATE:
				case RDE_LOCAL_TIME:
				case RDE_INSTANT:
					p = rde_put_short(p, value);
					break;
				case RDE_DECIMAL:
				case RDE_FLOAT:
				case RDE_NOT_A_NUMBER:
					p = rde_put_bare(buffer, p, value->text, value->length);
					break;
				case RDE_TEXT:
					p = put_escaped(context, p, rde_escape_xml,
									value->text, value->length);
					break;
			}
			p = rde_put_tag(p, &column->close);
		}
		p = rde_buffer_next(buffer, p, full);
	}
	p = PUT(p, "</row>\n");
	rde_buffer_advance(buffer, p);
}

static void
xml_end(RdeFormatContext *context)
{
	char	   *p = rde_buffer_room(&context->buffer);

	p = PUT(p, "</report>\n");
	rde_buffer_advance(&context->buffer, p);
}

const RdeFormat rde_format_xml = {
	.name = "xml",
	.extension = "xml",
	.media_type = "application/xml; charset=utf-8",
	.text = true,
	.compressible = true,
	.start = xml_start,
	.head = xml_head,
	.row = xml_row,
	.end = xml_end,
};
