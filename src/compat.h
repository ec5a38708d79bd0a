/*
 * compat.h
 *	  What differs between PostgreSQL 15 and 18, in one place.
 */
#ifndef RDE_COMPAT_H
#define RDE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* written before a declaration, as from 18 on */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

#endif							/* RDE_COMPAT_H */
