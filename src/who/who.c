/*
 * who.c
 *	  Who is asking?
 *
 * Invariant: identity comes from what the server itself knows, never from a
 * setting.
 */
#include "who/who.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "core/caller.h"
#include "core/row.h"
#include "core/statement.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "who/opened.h"

static const RdeStatement find_account = {
	.sql = "SELECT id FROM %s._rde_account"
	" WHERE (role_oid = $2 AND system_identifier = $3)"
	" OR (role = $1 AND system_identifier <> $3)",
	.types = {NAMEOID, OIDOID, INT8OID},
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

/*
 * The account whose role is the caller: equality, whatever it is member of.  By its
 * OID, for a role of the same name may be another; but in a cluster a dump was
 * restored into nothing but the name is known.
 */
static bool
account_of_role(const RdeHome *home, Oid role, int64 *account)
{
	Datum		values[3];

	values[0] = DirectFunctionCall1(namein,
									CStringGetDatum(GetUserNameFromId(role, false)));
	values[1] = ObjectIdGetDatum(role);
	values[2] = Int64GetDatum((int64) GetSystemIdentifier());
	rde_execute(home, &find_account, values, NULL);
	if (SPI_processed == 0)
		return false;
	*account = rde_row_int64(rde_row(0), 1);
	return true;
}

static const RdeStatement read_grants = {
	.sql = "SELECT role, privilege, role_oid, system_identifier"
	" FROM %s._rde_privilege",
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

/* Whom a grant is for, by OID or name as above; invalid if he is gone. */
static Oid
grantee_of(RdeRow row)
{
	Oid			role = rde_row_oid(row, 3);

	if (rde_row_int64(row, 4) != (int64) GetSystemIdentifier())
		return get_role_oid(rde_row_text(row, 1), true);
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)) ?
		role : InvalidOid;
}

/* The most that was granted to a role whose rights the caller has. */
static RdeRank
granted_rank(const RdeHome *home, Oid role, const char **why)
{
	RdeRank		rank = RDE_NOBODY;

	if (has_privs_of_role(role, home->owner))
	{
		*why = "has the rights of the extension's owner";
		return RDE_ADMIN;
	}
	rde_execute(home, &read_grants, NULL, NULL);
	for (int i = 0; i < SPI_processed; i++)
	{
		char	   *name = rde_row_text(rde_row(i), 1);
		char	   *privilege = rde_row_text(rde_row(i), 2);
		Oid			grantee = grantee_of(rde_row(i));
		RdeRank		granted = strcmp(privilege, "admin") == 0 ? RDE_ADMIN :
		strcmp(privilege, "operator") == 0 ? RDE_OPERATOR :
		strcmp(privilege, "reader") == 0 ? RDE_READER : RDE_GATEWAY;

		if (OidIsValid(grantee) && granted > rank &&
			has_privs_of_role(role, grantee))
		{
			rank = granted;
			*why = psprintf("rde_grant('%s', '%s')", name, privilege);
		}
	}
	return rank;
}

/* Who a role is. */
static RdeWho
who_is(const RdeHome *home, Oid role)
{
	MemoryContext context = CurrentMemoryContext;
	RdeWho		who = {RDE_NOBODY, 0, "no account and no grant"};
	int64		account;

	rde_connect();
	if (account_of_role(home, role, &account))
	{
		who.rank = RDE_TENANT;
		who.account = account;
		who.why = "the account's role";
	}
	else
		who.rank = granted_rank(home, role, &who.why);
	who.why = MemoryContextStrdup(context, who.why);
	SPI_finish();
	return who;
}

/*
 * What two roles both are.  An operator may be anybody; of an account and another,
 * or of a reader and a gateway, neither may be the other.
 */
static RdeWho
lesser(RdeWho outer, RdeWho present)
{
	RdeWho		nobody = {RDE_NOBODY, 0,
	"the caller, and whose function he called, may do nothing that both may"};

	if (present.rank >= RDE_OPERATOR)
		return outer.rank <= present.rank ? outer : present;
	if (outer.rank >= RDE_OPERATOR || present.rank == RDE_NOBODY)
		return present;
	if (outer.rank == present.rank &&
		(outer.rank != RDE_TENANT || outer.account == present.account))
		return outer;
	return nobody;
}

RdeWho
rde_who(const RdeHome *home)
{
	Oid			outer = rde_outer_caller();
	Oid			present = rde_present_caller(home->owner);
	RdeWho		who = {RDE_TENANT, 0, "a token verified in this transaction"};

	if (rde_opened_account(&who.account))
		return who;
	who = who_is(home, outer);
	if (present != outer && who.rank != RDE_NOBODY)
		who = lesser(who, who_is(home, present));
	return who;
}

PG_FUNCTION_INFO_V1(rde_whoami);
PG_FUNCTION_INFO_V1(rde_callers);

static const RdeStatement read_scope = {
	.sql = "SELECT scope FROM %s._rde_account WHERE id = $1",
	.types = {INT8OID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/* What an account's reports may hold: its own rows, or its sub-tree's too. */
static const char *
account_scope(const RdeHome *home, int64 account, MemoryContext context)
{
	Datum		values[] = {Int64GetDatum(account)};
	const char *scope = "reseller";

	rde_connect();
	rde_execute(home, &read_scope, values, NULL);
	if (SPI_processed > 0)
		scope = MemoryContextStrdup(context, rde_row_text(rde_row(0), 1));
	SPI_finish();
	return scope;
}

/* rde_whoami(OUT role text, OUT account bigint, OUT scope text, OUT why text) */
Datum
rde_whoami(PG_FUNCTION_ARGS)
{
	static const char *const scopes[] = {"nobody", "gateway", "reader", NULL,
	"operator", "admin"};
	const RdeHome *home = rde_home(fcinfo);
	RdeWho		who = rde_who(home);
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, who.rank != RDE_TENANT, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(GetUserNameFromId(rde_outer_caller(), false));
	values[1] = Int64GetDatum(who.account);
	values[2] = CStringGetTextDatum(who.rank == RDE_TENANT ?
									account_scope(home, who.account,
												  CurrentMemoryContext) :
									scopes[who.rank]);
	values[3] = CStringGetTextDatum(who.why);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* _rde_callers() → oid[]: the outermost caller, and the present one */
Datum
rde_callers(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	Datum		roles[] = {
		ObjectIdGetDatum(rde_outer_caller()),
		ObjectIdGetDatum(rde_present_caller(home->owner))
	};

	PG_RETURN_ARRAYTYPE_P(construct_array(roles, lengthof(roles), OIDOID,
										  sizeof(Oid), true, TYPALIGN_INT));
}
