/*
 * jsonb.h
 *	  A jsonb value as text.
 */
#ifndef RDE_JSONB_H
#define RDE_JSONB_H

#include "postgres.h"

#include "lib/stringinfo.h"

/*
 * Append what jsonb_out() prints, in the server's encoding.  The value is one that
 * was detoasted, but may have a short header.
 */
extern void rde_jsonb_append(StringInfo text, const struct varlena *value);

#endif							/* RDE_JSONB_H */
