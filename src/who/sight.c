/*
 * sight.c
 *	  What may who is asking see, and do?
 *
 * Invariant: an account sees and does what is its own, and with scope provider
 * what is its sub-tree's; a link opens the one file it was made for, and is no
 * leave to do more.
 */
#include "who/sight.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/caller.h"
#include "core/row.h"
#include "core/statement.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "who/opened.h"

/* Say once in a transaction why nothing is shown. */
static void
tell_nobody(void)
{
	static TimestampTz told;

	if (told == GetCurrentTransactionStartTimestamp())
		return;
	told = GetCurrentTransactionStartTimestamp();
	ereport(NOTICE,
			(errmsg("role \"%s\" is no account and was granted nothing, so it sees no reports",
					GetUserNameFromId(rde_outer_caller(), false)),
			 errhint("Make it an account's role with rde_create_account(), or call rde_grant().")));
}

void
rde_refuse_account(const RdeHome *home)
{
	RdeWho		who = rde_who(home);

	if (who.rank == RDE_TENANT)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("accounts may not do this"),
				 errdetail("The caller is account " INT64_FORMAT ": %s.",
						   who.account, who.why),
				 errhint("An account can do no more than any other, whatever its role is a member of.")));
}

/* Most see themselves alone: no function is called for them. */
static const RdeStatement read_visible = {
	.sql = "SELECT CASE WHEN EXISTS (SELECT FROM %s._rde_account"
	" WHERE id = $1 AND scope = 'provider')"
	" THEN %s._rde_scope_resellers($1, NULL::text)"
	" ELSE ARRAY[$1] END",
	.types = {INT8OID},
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

ArrayType *
rde_visible(const RdeHome *home, const RdeWho *who)
{
	Datum		values[] = {Int64GetDatum(who->account)};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	ArrayType  *accounts;

	if (who->rank != RDE_TENANT)
	{
		if (who->rank < RDE_READER)
			tell_nobody();
		return construct_empty_array(INT8OID);
	}
	rde_connect();
	rde_execute(home, &read_visible, values, NULL);
	old = MemoryContextSwitchTo(context);
	accounts = DatumGetArrayTypeP(rde_row_copy(rde_row(0), 1));
	MemoryContextSwitchTo(old);
	SPI_finish();
	return accounts;
}

static bool
sees_account(const RdeHome *home, const RdeWho *who, int64 account)
{
	ArrayType  *accounts;
	Datum	   *elements;
	int			count;

	if (who->account == account)
		return true;
	accounts = rde_visible(home, who);
	deconstruct_array(accounts, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		if (DatumGetInt64(elements[i]) == account)
			return true;
	}
	return false;
}

void
rde_own_reseller(const RdeHome *home, bool *has_reseller, int64 *reseller)
{
	RdeWho		who = rde_who(home);

	if (who.rank >= RDE_OPERATOR)
		return;
	if (who.rank != RDE_TENANT)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only accounts and operators of reports may do this"),
				 errhint("Ask an administrator for rde_grant().")));
	if (!*has_reseller)
	{
		*has_reseller = true;
		*reseller = who.account;
	}
	else if (!sees_account(home, &who, *reseller))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("reseller " INT64_FORMAT " is not the caller's",
						*reseller),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "reseller")));
}

/* What rde_may_see() says, links apart. */
static bool
may_see(const RdeHome *home, bool has_reseller, int64 reseller, bool content)
{
	RdeWho		who = rde_who(home);

	switch (who.rank)
	{
		case RDE_ADMIN:
		case RDE_OPERATOR:
			return true;
		case RDE_READER:
			return !content;
		case RDE_TENANT:
			return has_reseller && sees_account(home, &who, reseller);
		default:
			tell_nobody();
			return false;
	}
}

bool
rde_may_see(const RdeHome *home, const pg_uuid_t *report, bool has_reseller,
			int64 reseller, bool content)
{
	return rde_is_redeemed(report) ||
		may_see(home, has_reseller, reseller, content);
}

bool
rde_may_act(const RdeHome *home, bool has_reseller, int64 reseller)
{
	return may_see(home, has_reseller, reseller, true);
}

PG_FUNCTION_INFO_V1(rde_visible_accounts);
PG_FUNCTION_INFO_V1(rde_sees_all);
PG_FUNCTION_INFO_V1(rde_refuse_account_sql);
PG_FUNCTION_INFO_V1(rde_own_reseller_sql);
PG_FUNCTION_INFO_V1(rde_may_see_sql);

/*
 * _rde_visible_accounts() → bigint[]: a tenant's, for others empty; whoever is
 * not told apart by accounts is told by _rde_sees_all().
 */
Datum
rde_visible_accounts(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	RdeWho		who = rde_who(home);

	PG_RETURN_ARRAYTYPE_P(rde_visible(home, &who));
}

/* _rde_sees_all(content boolean) → boolean */
Datum
rde_sees_all(PG_FUNCTION_ARGS)
{
	RdeWho		who = rde_who(rde_home(fcinfo));

	PG_RETURN_BOOL(who.rank >= RDE_OPERATOR ||
				   (who.rank == RDE_READER && !PG_GETARG_BOOL(0)));
}

/* _rde_refuse_account(): raises 42501 */
Datum
rde_refuse_account_sql(PG_FUNCTION_ARGS)
{
	rde_refuse_account(rde_home(fcinfo));
	PG_RETURN_VOID();
}

/* _rde_own_reseller(reseller bigint) → bigint, NULL for all; raises 42501 */
Datum
rde_own_reseller_sql(PG_FUNCTION_ARGS)
{
	bool		has_reseller = !PG_ARGISNULL(0);
	int64		reseller = has_reseller ? PG_GETARG_INT64(0) : 0;

	rde_own_reseller(rde_home(fcinfo), &has_reseller, &reseller);
	if (!has_reseller)
		PG_RETURN_NULL();
	PG_RETURN_INT64(reseller);
}

/*
 * _rde_may_see(report uuid, reseller bigint, content boolean) → boolean.  A link
 * opens a file to rde_chunk() and its kin, and is no leave to do more.
 */
Datum
rde_may_see_sql(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(may_see(rde_home(fcinfo), !PG_ARGISNULL(1),
						   PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1),
						   PG_GETARG_BOOL(2)));
}
