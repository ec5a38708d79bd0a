/*
 * token.c
 *	  Logging in with a token.
 *
 * Invariant: a token's hash is compared in constant time; what is wrong with a
 * login is not told.
 */
#include "core/row.h"
#include "core/sign.h"
#include "core/statement.h"
#include "who/opened.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(rde_secret);
PG_FUNCTION_INFO_V1(rde_login);

/* _rde_secret() → text: 32 random bytes in hex */
Datum
rde_secret(PG_FUNCTION_ARGS)
{
	char		bytes[32];
	text	   *result = palloc(VARHDRSZ + 2 * sizeof(bytes));

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not draw random bytes")));
	SET_VARSIZE(result, VARHDRSZ + 2 * sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), VARDATA(result));
	PG_RETURN_TEXT_P(result);
}

/* Its use is noted now and then only: it is shown with every request. */
#define USED_LONG_AGO \
	" coalesce(last_used_at < now() - interval '1 hour', true)"

static const RdeStatement find_token = {
	.sql = "SELECT token_sha256, account," USED_LONG_AGO
	" FROM %s._rde_token"
	" WHERE subscription_key = $1 AND revoked_at IS NULL"
	" AND expires_at > clock_timestamp()",
	.types = {TEXTOID},
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

static const RdeStatement note_use = {
	.sql = "UPDATE %s._rde_token SET last_used_at = now()"
	" WHERE subscription_key = (SELECT subscription_key"
	" FROM %s._rde_token WHERE subscription_key = $1"
	" AND" USED_LONG_AGO
	" FOR UPDATE SKIP LOCKED)",
	.types = {TEXTOID},
	.expected = SPI_OK_UPDATE
};

/*
 * rde_login(subscription_key text, token_sha256 bytea) → bigint.  Raises 28000
 * for whatever is not a token in force, 25001 for a second login in a
 * transaction, 42501 for a caller that is no gateway.
 */
Datum
rde_login(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	Datum		values[1];
	bool		valid = false;
	bool		used_long_ago = false;
	int64		account = 0;

	rde_connect();
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
	{
		bytea	   *given = PG_GETARG_BYTEA_PP(1);

		values[0] = PG_GETARG_DATUM(0);
		rde_execute(home, &find_token, values, NULL);
		if (SPI_processed == 1 &&
			VARSIZE_ANY_EXHDR(given) == PG_SHA256_DIGEST_LENGTH)
		{
			RdeRow		row = rde_row(0);

			valid = rde_sign_equal((uint8 *) VARDATA(rde_row_bytea(row, 1)),
								   (uint8 *) VARDATA_ANY(given),
								   PG_SHA256_DIGEST_LENGTH);
			account = rde_row_int64(row, 2);
			used_long_ago = rde_row_bool(row, 3);
		}
	}
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("subscription key or token is not valid")));
	if (used_long_ago && !RecoveryInProgress() && !XactReadOnly)
		rde_execute(home, &note_use, values, NULL);
	SPI_finish();
	rde_access_login(account);
	PG_RETURN_INT64(account);
}
