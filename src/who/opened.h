/*
 * opened.h
 *	  What a token or a link opens, and for how long.
 */
#ifndef RDE_OPENED_H
#define RDE_OPENED_H

#include "postgres.h"
#include "utils/uuid.h"

/* Call once, when the module is loaded. */
extern void rde_access_init(void);

/*
 * For the rest of the (sub)transaction the caller is this account.  Raises 25001
 * if it is one already.
 */
extern void rde_access_login(int64 account);

/* For the rest of the (sub)transaction this report's file may be read. */
extern void rde_access_redeem(const pg_uuid_t *report);

/* Whose token was shown in this transaction, if anybody's? */
extern bool rde_opened_account(int64 *account);

/* Was a link to this report redeemed in this transaction? */
extern bool rde_is_redeemed(const pg_uuid_t *report);

#endif							/* RDE_OPENED_H */
