/*
 * who.c
 *	  Who is asking, and whose reports may that be shown?
 *
 * Invariant: identity comes from what the server itself knows, never from a
 * setting; a login or a redeemed link is gone with the (sub)transaction it was
 * made in, however that ends.
 */
#include "who/who.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "core/caller.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* What a token or a link opened, and the subtransaction it was shown in. */
typedef struct Opened
{
	SubTransactionId subxact;	/* invalid: nothing */
	int64		account;
	pg_uuid_t	report;
} Opened;

static Opened login;
static Opened redeemed;

static void
forget(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			login.subxact = InvalidSubTransactionId;
			redeemed.subxact = InvalidSubTransactionId;
			break;
		default:
			break;
	}
}

static void
pass_on(Opened *opened, SubXactEvent event, SubTransactionId mine,
		SubTransactionId parent)
{
	if (opened->subxact != mine)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		opened->subxact = InvalidSubTransactionId;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		opened->subxact = parent;
}

static void
forget_sub(SubXactEvent event, SubTransactionId mine,
		   SubTransactionId parent, void *arg)
{
	pass_on(&login, event, mine, parent);
	pass_on(&redeemed, event, mine, parent);
}

void
rde_access_init(void)
{
	RegisterXactCallback(forget, NULL);
	RegisterSubXactCallback(forget_sub, NULL);
}

void
rde_access_login(int64 account)
{
	/* a gateway's mistake would show one tenant another's reports */
	if (login.subxact != InvalidSubTransactionId)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("this transaction is logged in already"),
				 errhint("Log in once in each transaction.")));
	login.account = account;
	login.subxact = GetCurrentSubTransactionId();
}

void
rde_access_redeem(const pg_uuid_t *report)
{
	redeemed.report = *report;
	redeemed.subxact = GetCurrentSubTransactionId();
}

/*
 * The account whose role is the caller: equality, whatever it is member of.  By its
 * OID, for a role of the same name may be another; but in a cluster a dump was
 * restored into nothing but the name is known.
 */
static bool
account_of_role(const RdeHome *home, Oid role, int64 *account)
{
	Oid			types[] = {NAMEOID, OIDOID, INT8OID};
	Datum		values[3];
	bool		isnull;

	values[0] = DirectFunctionCall1(namein,
									CStringGetDatum(GetUserNameFromId(role, false)));
	values[1] = ObjectIdGetDatum(role);
	values[2] = Int64GetDatum((int64) GetSystemIdentifier());
	rde_read_latest(home,
					"SELECT id FROM %s._rde_account"
					" WHERE (role_oid = $2 AND system_identifier = $3)"
					" OR (role = $1 AND system_identifier <> $3)",
					3, types, values);
	if (SPI_processed == 0)
		return false;
	*account = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1,
										   &isnull));
	return true;
}

/* Whom a grant is for, by OID or name as above; invalid if he is gone. */
static Oid
grantee_of(HeapTuple row, TupleDesc desc)
{
	bool		isnull;
	int64		cluster = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
	Oid			role = DatumGetObjectId(SPI_getbinval(row, desc, 3, &isnull));

	if (cluster != (int64) GetSystemIdentifier())
		return get_role_oid(SPI_getvalue(row, desc, 1), true);
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
	rde_read_latest(home,
					"SELECT role, privilege, role_oid, system_identifier"
					" FROM %s._rde_privilege",
					0, NULL, NULL);
	for (int i = 0; i < SPI_processed; i++)
	{
		char	   *name = SPI_getvalue(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1);
		char	   *privilege = SPI_getvalue(SPI_tuptable->vals[i],
											 SPI_tuptable->tupdesc, 2);
		Oid			grantee = grantee_of(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc);
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
	RdeWho		who = {RDE_TENANT, login.account,
	"a token verified in this transaction"};

	if (login.subxact != InvalidSubTransactionId)
		return who;
	who = who_is(home, outer);
	if (present != outer && who.rank != RDE_NOBODY)
		who = lesser(who, who_is(home, present));
	return who;
}

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

ArrayType *
rde_visible(const RdeHome *home, const RdeWho *who)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(who->account)};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	ArrayType  *accounts;
	bool		isnull;

	if (who->rank != RDE_TENANT)
	{
		if (who->rank < RDE_READER)
			tell_nobody();
		return construct_empty_array(INT8OID);
	}
	rde_connect();
	/* most see themselves alone: no function is called for them */
	rde_read_latest(home,
					"SELECT CASE WHEN EXISTS (SELECT FROM %s._rde_account"
					" WHERE id = $1 AND scope = 'provider')"
					" THEN %s._rde_scope_resellers($1, NULL::text)"
					" ELSE ARRAY[$1] END",
					1, types, values);
	old = MemoryContextSwitchTo(context);
	accounts = DatumGetArrayTypePCopy(SPI_getbinval(SPI_tuptable->vals[0],
													SPI_tuptable->tupdesc, 1,
													&isnull));
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
						*reseller)));
}

bool
rde_is_redeemed(const pg_uuid_t *report)
{
	return redeemed.subxact != InvalidSubTransactionId &&
		memcmp(&redeemed.report, report, sizeof(pg_uuid_t)) == 0;
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
PG_FUNCTION_INFO_V1(rde_whoami);
PG_FUNCTION_INFO_V1(rde_callers);
PG_FUNCTION_INFO_V1(rde_refuse_account_sql);
PG_FUNCTION_INFO_V1(rde_own_reseller_sql);
PG_FUNCTION_INFO_V1(rde_may_see_sql);
PG_FUNCTION_INFO_V1(rde_open_file_sql);

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

/* What an account's reports may hold: its own rows, or its sub-tree's too. */
static const char *
account_scope(const RdeHome *home, int64 account, MemoryContext context)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(account)};
	const char *scope = "reseller";

	rde_connect();
	rde_execute(home, "SELECT scope FROM %s._rde_account WHERE id = $1",
				1, types, values, NULL, true, SPI_OK_SELECT);
	if (SPI_processed > 0)
		scope = MemoryContextStrdup(context,
									SPI_getvalue(SPI_tuptable->vals[0],
												 SPI_tuptable->tupdesc, 1));
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

/* _rde_open_file(report uuid): rde_report_file() has checked who asks */
Datum
rde_open_file_sql(PG_FUNCTION_ARGS)
{
	rde_access_redeem(PG_GETARG_UUID_P(0));
	PG_RETURN_VOID();
}
