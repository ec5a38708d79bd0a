/*
 * escape.h
 *	  Pure byte escapers: no PostgreSQL types, no allocation, no errors, so
 *	  that they can be fuzzed and measured alone.
 *
 * Each takes len bytes of UTF-8 at src and writes the escaped text at dst,
 * returning the place behind it.  dst must have room for the stated multiple
 * of len.  Broken UTF-8 is passed on as it is and never read past src + len.
 */
#ifndef RDE_ESCAPE_H
#define RDE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The length of the longest prefix of src, at most max bytes, that does not
 * cut a UTF-8 character (or len, if that is not more than max).
 */
extern size_t rde_piece(const char *src, size_t len, size_t max);

/* Does a CSV field of this text need quotes?  Empty text does. */
extern bool rde_csv_needs_quotes(const char *src, size_t len, char delimiter);

/*
 * Copy a CSV field that needs no quotes, room for len; or return NULL for one
 * that needs them.  Looking and copying in one go is what makes CSV fast.
 */
extern char *rde_copy_csv(char *dst, const char *src, size_t len,
						  char delimiter);

/* Double every quote; room for 2 x len. */
extern char *rde_escape_csv(char *dst, const char *src, size_t len);

/* The inside of a JSON string; room for 6 x len. */
extern char *rde_escape_json(char *dst, const char *src, size_t len);

/*
 * XML character data, and the inside of an attribute in double quotes (where
 * tabs and line feeds become references too); room for 6 x len.  Characters
 * XML 1.0 forbids become U+FFFD and are counted.
 */
extern char *rde_escape_xml(char *dst, const char *src, size_t len,
							int64_t *replaced);
extern char *rde_escape_xml_attribute(char *dst, const char *src, size_t len,
									  int64_t *replaced);

/*
 * XML character data of an XLSX string: control characters as _xHHHH_, a
 * literal _xHHHH_ with its underscore escaped; room for 7 x len.  `follow`
 * bytes behind src + len may be read, to see a pattern that a piece cuts.
 * CR and CRLF become LF, U+FFFE and U+FFFF become U+FFFD; both are counted.
 */
extern char *rde_escape_xlsx(char *dst, const char *src, size_t len,
							 size_t follow, int64_t *replaced);

/* Length of UTF-8 text in UTF-16 code units, as Excel counts. */
extern size_t rde_utf16_length(const char *src, size_t len);

/* The same of what rde_escape_xlsx() makes of it, as a reader reads that. */
extern size_t rde_xlsx_length(const char *src, size_t len);

/*
 * An XML element name for any identifier: what may not stand in a name becomes
 * _xHHHH_, as SQL/XML maps identifiers; room for 10 x len + 8.  So do colons,
 * and characters that readers of older XML editions refuse.
 */
extern char *rde_escape_xml_name(char *dst, const char *src, size_t len);

#endif							/* RDE_ESCAPE_H */
