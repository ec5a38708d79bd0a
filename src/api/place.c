/*
 * place.c
 *	  A place in a list, as text: where its next part begins.
 *
 * Invariant: a place is a claim of whoever shows it; it chooses among what he
 * may see, and no more.
 */
#include "api/place.h"

#include "core/rde.h"
#include "report/report.h"
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"

#define FIELDS			5		/* upto; seen; end; last; id */
#define UUID_LENGTH		36

const char *
rde_place_text(const RdePlace *place)
{
	return psprintf("%s;%s;" INT64_FORMAT ";" INT64_FORMAT ";%s", place->upto,
					place->seen ? place->seen : "", place->end, place->last,
					rde_uuid_text(&place->id));
}

/* Microseconds, as they are written, of a moment there is. */
static bool
read_moment(const char *text, TimestampTz *moment)
{
	char	   *end;

	errno = 0;
	*moment = strtoll(text, &end, 10);
	return errno == 0 && end > text && *end == '\0' &&
		strspn(text, "-0123456789") == strlen(text) &&
		IS_VALID_TIMESTAMP(*moment);
}

/* As it is written: PostgreSQL reads more than that as a UUID. */
static bool
read_id(const char *text, pg_uuid_t *id)
{
	if (strlen(text) != UUID_LENGTH)
		return false;
	for (int i = 0; i < UUID_LENGTH; i++)
	{
		bool		dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	*id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(text)));
	return true;
}

RdePlace *
rde_place_read(const char *text)
{
	RdePlace   *place = palloc0(sizeof(RdePlace));
	char	   *rest = pstrdup(text);
	char	   *fields[FIELDS];

	for (int i = 0; i < FIELDS; i++)
	{
		fields[i] = rest;
		rest = strchr(rest, RDE_PLACE_SEPARATOR);
		if ((rest == NULL) != (i == FIELDS - 1))
			return NULL;
		if (rest)
			*rest++ = '\0';
	}
	place->upto = fields[0];
	place->seen = *fields[1] ? fields[1] : NULL;
	if (!read_moment(fields[2], &place->end) ||
		!read_moment(fields[3], &place->last) ||
		!read_id(fields[4], &place->id))
		return NULL;
	return place;
}
