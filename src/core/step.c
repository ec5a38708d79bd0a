/*
 * step.c
 *	  A procedure's work in steps, each a transaction of its own.
 *
 * Invariant: between two steps nothing is open but a transaction that has done
 * nothing yet.
 */
#include "core/step.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "nodes/parsenodes.h"
#include "utils/snapmgr.h"

void
rde_commit(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

void
rde_step_begin(void)
{
	rde_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
rde_step_end(void)
{
	PopActiveSnapshot();
	SPI_finish();
	rde_commit();
}

void
rde_step_abandon(void)
{
	PopActiveSnapshot();
	SPI_finish();
	SPI_rollback();
	XactIsoLevel = XACT_READ_COMMITTED;
}

void
rde_step_check(FunctionCallInfo fcinfo, const char *procedure,
			   const char *cannot)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("%s commits and cannot run inside a transaction block or a function",
						procedure),
				 errhint("CALL it alone.")));
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("%s on a standby", cannot),
				 errhint("CALL %s on the primary.", procedure)));
}
