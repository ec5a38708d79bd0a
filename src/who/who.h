/*
 * who.h
 *	  Who is asking?
 */
#ifndef RDE_WHO_H
#define RDE_WHO_H

#include "core/rde.h"

/* What a caller may do; where one is more than another, the larger value. */
typedef enum RdeRank
{
	RDE_NOBODY,
	RDE_GATEWAY,				/* lets others in */
	RDE_READER,					/* everybody's manifests, nobody's files */
	RDE_TENANT,					/* one account's reports */
	RDE_OPERATOR,				/* everybody's reports */
	RDE_ADMIN					/* and what they are made from, and for whom */
} RdeRank;

typedef struct RdeWho
{
	RdeRank		rank;
	int64		account;		/* of a tenant */
	const char *why;
} RdeWho;

/*
 * Who is asking: the account whose token was verified in this transaction, else
 * the account whose role *is* the caller, else what rde_grant() gave a role the
 * caller has the rights of.  Where the outermost and the present caller (caller.h)
 * differ, it is what both are.  Needs no SPI connection.
 */
extern RdeWho rde_who(const RdeHome *home);

#endif							/* RDE_WHO_H */
