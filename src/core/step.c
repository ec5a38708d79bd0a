/*
 * step.c
 *	  A procedure's work in steps, each a transaction of its own.
 *
 * Invariant: between two steps nothing is open but a transaction that has done
 * nothing yet, and that is not subject to what the server's configuration says of
 * the transactions of clients.
 */
#include "core/step.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/* No step waits longer for a lock, so that none waits for what others leave open. */
#define LOCK_TIMEOUT	"5s"
#define BRIEF_TIMEOUT	"200ms"

/* Is the limit of the present transaction ours? */
static bool limits_locks;

static void
limit_locks(const char *timeout)
{
	(void) set_config_option("lock_timeout", timeout, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * Is a setting what the server's configuration, the database or the role says?
 * What the session was told by SET holds.
 */
static bool
is_default(const char *name)
{
	const char *value = GetConfigOption(name, true, false);
	const char *reset = value ? GetConfigOptionResetString(name) : NULL;

	return value && reset && strcmp(value, reset) == 0;
}

/* The transaction that has just begun is our own kind. */
static void
set_transaction(void)
{
	XactIsoLevel = XACT_READ_COMMITTED;
	if (is_default("default_transaction_read_only"))
		XactReadOnly = false;
	limits_locks = is_default("lock_timeout");
	if (limits_locks)
		limit_locks(LOCK_TIMEOUT);
#if PG_VERSION_NUM >= 170000
	if (is_default("transaction_timeout"))
		disable_timeout(TRANSACTION_TIMEOUT, false);
#endif
}

void
rde_commit(void)
{
	SPI_commit();
	set_transaction();
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
rde_step_wait_briefly(void)
{
	if (limits_locks)
		limit_locks(BRIEF_TIMEOUT);
}

void
rde_step_abandon(void)
{
	PopActiveSnapshot();
	SPI_finish();
	SPI_rollback();
	set_transaction();
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

	/* its limits are its arguments, not what is set for statements of clients */
	if (is_default("statement_timeout"))
		disable_timeout(STATEMENT_TIMEOUT, false);
}
