/*
 * session.h
 *	  One connection to the database, ready for the gateway's statements.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>

#include <libpq-fe.h>

/* The statements every session has prepared; session.c has their text. */
typedef enum Statement
{
	STATEMENT_LOGIN,			/* key, SHA-256 of the token */
	STATEMENT_LIST,				/* from, to, format, name, status, type,
								 * detail, after */
	STATEMENT_GET,				/* report */
	STATEMENT_REQUEST,			/* body, idempotency key */
	STATEMENT_REDEEM,			/* report, file name, sv, st, se, sp, sr, kid,
								 * sig */
	STATEMENT_REDEEM_PIECE,		/* the same, chunk, first byte, length, and
								 * when the first statement ran */
	STATEMENT_FILE,				/* report */
	STATEMENT_FILE_PIECE,		/* report, chunk, first byte, length, and when
								 * the first statement ran */
	STATEMENT_PING,				/* nothing */
	STATEMENT_COUNT
} Statement;

#define STATEMENT_MAX_PARAMETERS 13

extern const char *session_statement_name(Statement statement);

/*
 * Connect, find the extension, prepare the statements and enter pipeline mode.
 * NULL on failure, with the reason in *error, which the caller frees.
 */
extern PGconn *session_open(const char *conninfo, char **error);

/* Can an idle session still be used, as far as this end knows? */
extern bool session_is_alive(PGconn *conn);

#endif							/* SESSION_H */
