/*
 * place.h
 *	  A place in a list, as text: where its next part begins.
 */
#ifndef RDE_PLACE_H
#define RDE_PLACE_H

#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

/* No cursor of a snapshot holds it. */
#define RDE_PLACE_SEPARATOR ';'

typedef struct RdePlace
{
	const char *upto;			/* cursor: what is not in it is not listed */
	const char *seen;			/* cursor: what is in it is not either; NULL:
								 * a list of days */
	TimestampTz end;			/* of those days */
	TimestampTz last;			/* the last report that was listed */
	pg_uuid_t	id;
} RdePlace;

extern const char *rde_place_text(const RdePlace *place);

/* NULL if the text is not one; cursors are not looked into. */
extern RdePlace *rde_place_read(const char *text);

#endif							/* RDE_PLACE_H */
