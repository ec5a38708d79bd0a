/*
 * jsonb.c
 *	  A jsonb value as text.
 *
 * Invariant: the text is that of jsonb_out().  Strings are escaped by runs and
 * numbers are written where the text belongs; nothing is copied twice.
 */
#include "format/jsonb.h"

#include "core/decimal.h"
#include "bytes/escape.h"
#include "core/compat.h"
#include "file/sink.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

static void append_container(StringInfo text, const JsonbContainer *container);

/* A place where so many bytes may be written, and up to where they were. */
static inline char *
room(StringInfo text, size_t len)
{
	if (unlikely((size_t) (text->maxlen - text->len) <= len))
		enlargeStringInfo(text, len);
	return text->data + text->len;
}

static inline void
advance(StringInfo text, const char *end)
{
	text->len = end - text->data;
}

static inline void
append(StringInfo text, const char *src, size_t len)
{
	memcpy(room(text, len), src, len);
	text->len += len;
}

/* So much of a long one at a time that little room is left over. */
static void
append_string(StringInfo text, const char *src, size_t len)
{
	append(text, "\"", 1);
	while (len > 0)
	{
		size_t		piece = Min(len, RDE_PIECE_SIZE);

		advance(text, rde_escape_json(room(text, piece * RDE_JSON_GROWTH), src,
									  piece));
		src += piece;
		len -= piece;
	}
	append(text, "\"", 1);
}

static void
append_number(StringInfo text, const char *numeric)
{
	const struct varlena *value = (const struct varlena *) numeric;
	RdeDecimal	decimal;

	rde_decimal_read(&decimal, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	advance(text, rde_decimal_write(room(text, rde_decimal_room(&decimal)),
									&decimal));
}

/*
 * An element of a container: which child it is, and where it begins in the data
 * behind the children's entries.
 */
static void
append_element(StringInfo text, const JsonbContainer *container, int child,
			   const char *data, uint32 offset)
{
	JEntry		entry = container->children[child];

	if (JBE_ISSTRING(entry))
		append_string(text, data + offset, getJsonbLength(container, child));
	else if (JBE_ISNUMERIC(entry))
		append_number(text, data + INTALIGN(offset));
	else if (JBE_ISBOOL_TRUE(entry))
		append(text, "true", 4);
	else if (JBE_ISBOOL_FALSE(entry))
		append(text, "false", 5);
	else if (JBE_ISNULL(entry))
		append(text, "null", 4);
	else
		append_container(text, (const JsonbContainer *) (data + INTALIGN(offset)));
}

/* Elements of arrays follow each other, so the next begins where this one ends. */
static void
append_array(StringInfo text, const JsonbContainer *container)
{
	int			count = JsonContainerSize(container);
	const char *data = (const char *) &container->children[count];
	uint32		offset = 0;

	append(text, "[", 1);
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			append(text, ", ", 2);
		append_element(text, container, i, data, offset);
		JBE_ADVANCE_OFFSET(offset, container->children[i]);
	}
	append(text, "]", 1);
}

/* All keys come first, then the values in the same order. */
static void
append_object(StringInfo text, const JsonbContainer *container)
{
	int			count = JsonContainerSize(container);
	const char *data = (const char *) &container->children[count * 2];
	uint32		key = 0;
	uint32		value = getJsonbOffset(container, count);

	append(text, "{", 1);
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			append(text, ", ", 2);
		append_string(text, data + key, getJsonbLength(container, i));
		append(text, ": ", 2);
		append_element(text, container, count + i, data, value);
		JBE_ADVANCE_OFFSET(key, container->children[i]);
		JBE_ADVANCE_OFFSET(value, container->children[count + i]);
	}
	append(text, "}", 1);
}

static void
append_container(StringInfo text, const JsonbContainer *container)
{
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (JsonContainerIsObject(container))
		append_object(text, container);
	else if (!JsonContainerIsScalar(container))
		append_array(text, container);
	else
		/* a value that is none is an array of one */
		append_element(text, container, 0,
					   (const char *) &container->children[1], 0);
}

void
rde_jsonb_append(StringInfo text, const struct varlena *value)
{
	struct varlena *aligned = NULL;
	const char *data = VARDATA_ANY(value);

	/* numbers and containers are read where alignment put them */
	if (!PointerIsAligned(data, int))
	{
		aligned = palloc_extended(VARSIZE_ANY_EXHDR(value), MCXT_ALLOC_HUGE);
		data = memcpy(aligned, data, VARSIZE_ANY_EXHDR(value));
	}
	append_container(text, (const JsonbContainer *) data);
	if (aligned)
		pfree(aligned);
}
