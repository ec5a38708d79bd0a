/*
 * sight.h
 *	  What may who is asking see, and do?
 */
#ifndef RDE_SIGHT_H
#define RDE_SIGHT_H

#include "who/who.h"
#include "utils/array.h"
#include "utils/uuid.h"

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

#endif							/* RDE_SIGHT_H */
