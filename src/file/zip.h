/*
 * zip.h
 *	  A ZIP archive written as a stream, and a small one read from memory.
 *
 * Zip64 is never used, as Excel rejects most forms of it: an archive or an
 * entry that would need it is an error.
 */
#ifndef RDE_ZIP_H
#define RDE_ZIP_H

#include "file/stretch.h"

/* One entry of an archive in memory; data and name point into the archive. */
typedef struct RdeZipEntry
{
	const char *name;			/* not NUL-terminated */
	size_t		name_length;
	uint16		method;			/* 0 stored, 8 deflated */
	uint32		crc;
	uint32		size;			/* of the contents */
	uint32		stored_size;	/* of data */
	const char *data;
} RdeZipEntry;

typedef struct RdeZip RdeZip;

/*
 * Begin an archive at the place `out` has reached.  Everything is kept in the
 * memory context that is current now; the compressor is the archive's own until it
 * is finished.
 */
extern RdeZip *rde_zip_create(RdeSink *out, RdeCompressor *compressor);

/*
 * Begin an entry, deflated.  Its contents are written to the sink returned, which
 * begins with RdeStretches; finishing that sink ends the entry and leaves the
 * archive's sink open.
 */
extern RdeSink *rde_zip_begin(RdeZip *zip, const char *name);

/* Copy an entry of another archive as it is. */
extern void rde_zip_copy(RdeZip *zip, const RdeZipEntry *entry);

/* Write the central directory.  The archive's sink stays open. */
extern void rde_zip_finish(RdeZip *zip);

/*
 * List an archive in memory: palloc'ed entries, in its directory's order.
 * Raises XX001 for bytes that are no complete archive.
 */
extern RdeZipEntry *rde_zip_read(const char *archive, size_t len,
								 int *nentries);

/* The entry of that name, or NULL. */
extern const RdeZipEntry *rde_zip_find(const RdeZipEntry *entries,
									   int nentries, const char *name);

/* Give an entry other contents, which are referred to and not compressed. */
extern void rde_zip_store(RdeZipEntry *entry, const char *data, size_t len);

/* An entry's contents, palloc'ed, with a NUL behind them; checked by CRC. */
extern char *rde_zip_contents(const RdeZipEntry *entry);

#endif							/* RDE_ZIP_H */
