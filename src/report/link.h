/*
 * link.h
 *	  Making links to reports' files.
 */
#ifndef RDE_LINK_H
#define RDE_LINK_H

#include "core/rde.h"
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
	const char *store;			/* where its file is */
} RdeLinked;

/*
 * Its link: its store's, or ours.  NULL if the store gives none just now, or
 * there is no key.  Whoever calls has found that the caller may read it, and is
 * connected to SPI.
 */
extern const char *rde_link_url(const RdeHome *home, const RdeLinkKey *key,
								const RdeLinked *linked);

#endif							/* RDE_LINK_H */
