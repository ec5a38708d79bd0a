/*
 * version.h
 *	  Do the library and the SQL objects belong together?
 */
#ifndef RDE_VERSION_H
#define RDE_VERSION_H

extern void rde_check_version(Oid function);

#endif
