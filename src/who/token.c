/*
 * token.c
 *	  Logging in with a token, or with a signed one that was made of it.
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
#include "utils/fmgrprotos.h"
#include "who/signed.h"

PG_FUNCTION_INFO_V1(rde_secret);
PG_FUNCTION_INFO_V1(rde_login);
PG_FUNCTION_INFO_V1(rde_issue_token);
PG_FUNCTION_INFO_V1(rde_login_signed);
PG_FUNCTION_INFO_V1(rde_token_account);

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

/* A token in force, by its subscription key */
static const RdeStatement find_token = {
	.sql = "SELECT token_sha256, account," USED_LONG_AGO ", id, name,"
	" extract(epoch FROM expires_at - clock_timestamp())::bigint"
	" FROM %s._rde_token"
	" WHERE subscription_key = $1 AND revoked_at IS NULL"
	" AND expires_at > clock_timestamp()",
	.types = {TEXTOID},
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

enum
{
	TOKEN_SHA256 = 1, TOKEN_ACCOUNT, TOKEN_USED_LONG_AGO, TOKEN_ID, TOKEN_NAME,
	TOKEN_SECONDS
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

/* Always the same, whatever is wrong. */
static void
refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("subscription key or token is not valid")));
}

/* The token in force with this key, or false. */
static bool
token_of(const RdeHome *home, Datum key, RdeRow *token)
{
	Datum		values[] = {key};

	rde_execute(home, &find_token, values, NULL);
	if (SPI_processed != 1)
		return false;
	*token = rde_row(0);
	return true;
}

static bool
is_digest(const bytea *given, const uint8 *expected)
{
	return VARSIZE_ANY_EXHDR(given) == PG_SHA256_DIGEST_LENGTH &&
		rde_sign_equal(expected, (uint8 *) VARDATA_ANY(given),
					   PG_SHA256_DIGEST_LENGTH);
}

/* Whoever it is may be let in. */
static int64
let_in(const RdeHome *home, Datum key, RdeRow token)
{
	Datum		values[] = {key};
	int64		account = rde_row_int64(token, TOKEN_ACCOUNT);

	if (rde_row_bool(token, TOKEN_USED_LONG_AGO) && !RecoveryInProgress() &&
		!XactReadOnly)
		rde_execute(home, &note_use, values, NULL);
	return account;
}

/* The token in force with this key that has this hash, or false. */
static bool
plain_token(const RdeHome *home, Datum key, const bytea *sha256, RdeRow *token)
{
	return token_of(home, key, token) &&
		is_digest(sha256, (uint8 *) VARDATA(rde_row_bytea(*token, TOKEN_SHA256)));
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
	RdeRow		token;
	int64		account;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		refuse();
	rde_connect();
	if (!plain_token(home, PG_GETARG_DATUM(0), PG_GETARG_BYTEA_PP(1), &token))
		refuse();
	account = let_in(home, PG_GETARG_DATUM(0), token);
	SPI_finish();
	rde_access_login(account);
	PG_RETURN_INT64(account);
}

/* How long a signed token holds, in seconds. */
#define SIGNED_LIFETIME	1500

static const RdeStatement newest_key = {
	.sql = "SELECT kid, secret, extract(epoch FROM clock_timestamp())::bigint"
	" FROM %s._rde_signing_key WHERE revoked_at IS NULL"
	" ORDER BY created_at DESC, kid LIMIT 1",
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

/*
 * rde_issue_token(subscription_key text, name text, token_sha256 bytea) → json.
 * Raises 28000, and 42501 for a caller that is no gateway.
 */
Datum
rde_issue_token(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	RdeClaims	claims;
	RdeRow		row;
	int64		seconds;
	const char *said;
	bytea	   *secret;
	char	   *json;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		refuse();
	rde_connect();
	if (!plain_token(home, PG_GETARG_DATUM(0), PG_GETARG_BYTEA_PP(2), &row) ||
		strcmp(rde_row_text(row, TOKEN_NAME),
			   text_to_cstring(PG_GETARG_TEXT_PP(1))) != 0)
		refuse();
	claims.token = rde_row_uuid(row, TOKEN_ID);
	seconds = Min(SIGNED_LIFETIME, rde_row_int64(row, TOKEN_SECONDS));
	claims.account = let_in(home, PG_GETARG_DATUM(0), row);

	rde_execute(home, &newest_key, NULL, NULL);
	if (SPI_processed == 0)
		elog(ERROR, "there is no key to sign with");
	row = rde_row(0);
	claims.kid = rde_row_text(row, 1);
	secret = rde_row_bytea(row, 2);
	claims.issued = rde_row_int64(row, 3);
	claims.expires = claims.issued + seconds;
	said = rde_claims_text(&claims);
	json = psprintf("{\"token\":\"%s.%s\",\"expiresInSeconds\":" INT64_FORMAT "}",
					said,
					rde_claims_sign(said, (uint8 *) VARDATA(secret),
									VARSIZE(secret) - VARHDRSZ),
					seconds);
	json = MemoryContextStrdup(context, json);
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(json));
}

static const RdeStatement find_key = {
	.sql = "SELECT secret, extract(epoch FROM clock_timestamp())"
	" < $2 FROM %s._rde_signing_key"
	" WHERE kid = $1 AND revoked_at IS NULL",
	.types = {TEXTOID, INT8OID},
	.sight = RDE_SEES_LATEST,
	.expected = SPI_OK_SELECT
};

/*
 * Were these claims signed by a key of ours, and do they hold still?  Nothing is
 * looked up but the key before the signature has been found right; of which
 * only its hash is shown to us.
 */
static bool
holds(const RdeHome *home, const char *said, const RdeClaims *claims,
	  const bytea *signature_sha256)
{
	Datum		values[] = {
		CStringGetTextDatum(claims->kid), Int64GetDatum(claims->expires)
	};
	const char *signature;
	bytea	   *secret;
	Datum		digest;

	rde_execute(home, &find_key, values, NULL);
	if (SPI_processed != 1)
		return false;
	secret = rde_row_bytea(rde_row(0), 1);
	signature = rde_claims_sign(said, (uint8 *) VARDATA(secret),
								VARSIZE(secret) - VARHDRSZ);
	digest = DirectFunctionCall1(sha256_bytea,
								 PointerGetDatum(cstring_to_text(signature)));
	return is_digest(signature_sha256,
					 (uint8 *) VARDATA_ANY(DatumGetByteaPP(digest))) &&
		rde_row_bool(rde_row(0), 2);
}

/* The token in force that a signed one was made of, if that holds; or false. */
static bool
signed_token(const RdeHome *home, Datum key, const char *said,
			 const bytea *signature_sha256, RdeRow *token)
{
	RdeClaims	claims;
	pg_uuid_t	id;

	if (!rde_claims_read(said, &claims) ||
		!holds(home, said, &claims, signature_sha256) ||
		!token_of(home, key, token))
		return false;
	id = rde_row_uuid(*token, TOKEN_ID);
	return memcmp(&id, &claims.token, sizeof(pg_uuid_t)) == 0 &&
		rde_row_int64(*token, TOKEN_ACCOUNT) == claims.account;
}

/*
 * rde_login_signed(subscription_key text, claims text, signature_sha256 bytea) →
 * bigint.  Raises what rde_login() raises.
 */
Datum
rde_login_signed(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	RdeRow		token;
	int64		account;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		refuse();
	rde_connect();
	if (!signed_token(home, PG_GETARG_DATUM(0),
					  text_to_cstring(PG_GETARG_TEXT_PP(1)),
					  PG_GETARG_BYTEA_PP(2), &token))
		refuse();
	account = let_in(home, PG_GETARG_DATUM(0), token);
	SPI_finish();
	rde_access_login(account);
	PG_RETURN_INT64(account);
}

/*
 * _rde_token_account(subscription_key text, claims text, sha256 bytea) → bigint,
 * NULL for what is no token in force
 */
Datum
rde_token_account(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	RdeRow		token;
	bool		found;
	int64		account = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	rde_connect();
	found = PG_ARGISNULL(1) ?
		plain_token(home, PG_GETARG_DATUM(0), PG_GETARG_BYTEA_PP(2), &token) :
		signed_token(home, PG_GETARG_DATUM(0),
					 text_to_cstring(PG_GETARG_TEXT_PP(1)),
					 PG_GETARG_BYTEA_PP(2), &token);
	if (found)
		account = rde_row_int64(token, TOKEN_ACCOUNT);
	SPI_finish();
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_INT64(account);
}
