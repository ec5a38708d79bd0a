/*
 * opened.c
 *	  What a token or a link opens, and for how long.
 *
 * Invariant: a login or a redeemed link is gone with the (sub)transaction it was
 * made in, however that ends.
 */
#include "who/opened.h"

#include "access/xact.h"
#include "fmgr.h"

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

bool
rde_opened_account(int64 *account)
{
	*account = login.account;
	return login.subxact != InvalidSubTransactionId;
}

bool
rde_is_redeemed(const pg_uuid_t *report)
{
	return redeemed.subxact != InvalidSubTransactionId &&
		memcmp(&redeemed.report, report, sizeof(pg_uuid_t)) == 0;
}

PG_FUNCTION_INFO_V1(rde_open_file_sql);

/* _rde_open_file(report uuid): rde_report_file() has checked who asks */
Datum
rde_open_file_sql(PG_FUNCTION_ARGS)
{
	rde_access_redeem(PG_GETARG_UUID_P(0));
	PG_RETURN_VOID();
}
