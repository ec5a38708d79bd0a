/*
 * gunzip.h
 *	  A gzip file back to what was compressed, into memory of a known size.
 */
#ifndef RDE_GUNZIP_H
#define RDE_GUNZIP_H

#include "postgres.h"

typedef struct RdeGunzip RdeGunzip;

/*
 * Inflate into `out`, which must end up holding exactly `size` bytes.  All other
 * memory is palloc'ed in the current context, so an error needs no clean-up.
 */
extern RdeGunzip *rde_gunzip_create(char *out, size_t size);

/*
 * The next len bytes of the file, and its end.  Both raise XX001 for bytes that
 * are not one whole gzip member of that size; both can be cancelled.
 */
extern void rde_gunzip_write(RdeGunzip *gunzip, const char *data, size_t len);
extern void rde_gunzip_finish(RdeGunzip *gunzip);

#endif							/* RDE_GUNZIP_H */
