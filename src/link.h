/*
 * link.h
 *	  Making links to reports' files.
 */
#ifndef RDE_LINK_H
#define RDE_LINK_H

#include "rde.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* What new links are signed with, and until when they may live at most. */
typedef struct RdeLinkKey
{
	const char *kid;
	bytea	   *secret;
	TimestampTz latest;
} RdeLinkKey;

/*
 * The newest key, in the current context; NULL if all are revoked.  The caller
 * is connected to SPI, and what SPI_tuptable was is gone.
 */
extern RdeLinkKey *rde_link_key(const RdeHome *home);

/* A completed report, as its link has to know it. */
typedef struct RdeLinked
{
	const pg_uuid_t *report;
	const char *file_name;
	TimestampTz created;
	TimestampTz expires;
	int			number;			/* links of lower numbers are revoked */
} RdeLinked;

/* Its link; whoever calls has found that the caller may read it. */
extern const char *rde_link_url(const RdeLinkKey *key,
								const RdeLinked *linked);

/* yyyy-mm-ddThh:mi:ssZ, the second an instant lies in */
extern const char *rde_instant_text(TimestampTz instant);

#endif							/* RDE_LINK_H */
