/*
 * caller.h
 *	  Who called: the outermost role, and the present one.
 */
#ifndef RDE_CALLER_H
#define RDE_CALLER_H

#include "postgres.h"

/*
 * The outermost role: the one that connected, or that was SET.  Raises 42501
 * inside a security-restricted operation, where it says nothing about who is
 * asking (a source's own functions run in one).
 */
extern Oid	rde_outer_caller(void);

/*
 * The role whose rights were in force where one of our functions was called.  It
 * is another than the outermost one inside a SECURITY DEFINER function of
 * somebody's, or in a trigger that calls one: whoever wrote that has no more to say
 * than he has himself.  `owner` is the extension's.
 */
extern Oid	rde_present_caller(Oid owner);

/*
 * From here on our own statements run, with the owner's rights; who called stays
 * who called.  Ends with rde_caller_leave(), or the (sub)transaction.
 */
extern void rde_caller_enter(Oid owner);
extern void rde_caller_leave(void);

#endif							/* RDE_CALLER_H */
