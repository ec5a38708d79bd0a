/*
 * who.h
 *	  Who is asking, and whose reports may that be shown?
 */
#ifndef RDE_ACCESS_H
#define RDE_ACCESS_H

#include "core/rde.h"
#include "utils/array.h"
#include "utils/uuid.h"

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

/*
 * The accounts whose reports a tenant sees, as bigint[]: its own, and with scope
 * provider its sub-tree; empty for others, and a NOTICE for whoever is nobody.
 * In the current memory context; needs no SPI connection.
 */
extern ArrayType *rde_visible(const RdeHome *home, const RdeWho *who);

/*
 * Raise 42501 for an account: what is for others to do it may not, though its
 * role may have the right to call the function by some membership.
 */
extern void rde_refuse_account(const RdeHome *home);

/*
 * Whose reports are asked for: an operator's choice, be it all; a tenant's own
 * or one of its sub-tree, its own by default.  Raises 42501 otherwise.
 */
extern void rde_own_reseller(const RdeHome *home, bool *has_reseller,
							 int64 *reseller);

/*
 * May the caller see a report of this reseller, and with `content` its file?
 * A link that was redeemed in this transaction opens its one report.
 */
extern bool rde_may_see(const RdeHome *home, const pg_uuid_t *report,
						bool has_reseller, int64 reseller, bool content);

/*
 * May the caller build, revise or drop a report of this reseller, or revoke links
 * to it?  A redeemed link lets nobody do that.
 */
extern bool rde_may_act(const RdeHome *home, bool has_reseller,
						int64 reseller);

/* Was a link to this report redeemed in this transaction? */
extern bool rde_is_redeemed(const pg_uuid_t *report);

/* For the rest of the (sub)transaction the caller is this account. */
extern void rde_access_login(int64 account);

/* For the rest of the (sub)transaction this report's file may be read. */
extern void rde_access_redeem(const pg_uuid_t *report);

/* Call once, when the module is loaded. */
extern void rde_access_init(void);

#endif							/* RDE_ACCESS_H */
