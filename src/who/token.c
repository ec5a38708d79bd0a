/*
 * token.c
 *	  Logging in with a token.
 *
 * Invariant: a token's hash is compared in constant time; what is wrong with a
 * login is not told.
 */
#include "who/who.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "core/sign.h"
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

/*
 * rde_login(subscription_key text, token_sha256 bytea) → bigint.  Raises 28000
 * for whatever is not a token in force, 25001 for a second login in a
 * transaction, 42501 for a caller that is no gateway.
 */
Datum
rde_login(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	bool		valid = false;
	bool		used_long_ago = false;
	bool		isnull;
	int64		account = 0;

	rde_connect();
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
	{
		bytea	   *given = PG_GETARG_BYTEA_PP(1);

		values[0] = PG_GETARG_DATUM(0);
		rde_read_latest(home,
						"SELECT token_sha256, account,"
						" coalesce(last_used_at < now() - interval '1 hour', true)"
						" FROM %s._rde_token"
						" WHERE subscription_key = $1 AND revoked_at IS NULL"
						" AND expires_at > clock_timestamp()",
						1, types, values);
		if (SPI_processed == 1 &&
			VARSIZE_ANY_EXHDR(given) == PG_SHA256_DIGEST_LENGTH)
		{
			bytea	   *hash = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[0],
															 SPI_tuptable->tupdesc,
															 1, &isnull));

			valid = rde_sign_equal((uint8 *) VARDATA_ANY(hash),
								   (uint8 *) VARDATA_ANY(given),
								   PG_SHA256_DIGEST_LENGTH);
			account = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
												  SPI_tuptable->tupdesc, 2,
												  &isnull));
			used_long_ago = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
													   SPI_tuptable->tupdesc,
													   3, &isnull));
		}
	}
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("subscription key or token is not valid")));
	if (used_long_ago && !RecoveryInProgress() && !XactReadOnly)
		rde_execute(home,
					"UPDATE %s._rde_token SET last_used_at = now()"
					" WHERE subscription_key = (SELECT subscription_key"
					" FROM %s._rde_token WHERE subscription_key = $1"
					" AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')"
					" FOR UPDATE SKIP LOCKED)",
					1, types, values, NULL, false, SPI_OK_UPDATE);
	SPI_finish();
	rde_access_login(account);
	PG_RETURN_INT64(account);
}
