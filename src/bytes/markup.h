/*
 * markup.h
 *	  Text in XML and in the XML of XLSX.
 *
 * Each takes len bytes of UTF-8 at src and writes the escaped text at dst,
 * returning the place behind it.  dst must have room for the stated multiple
 * of len.  Broken UTF-8 is passed on as it is and never read past src + len.
 */
#ifndef RDE_MARKUP_H
#define RDE_MARKUP_H

#include <stddef.h>
#include <stdint.h>

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

/*
 * Length in UTF-16 code units of what rde_escape_xlsx() makes of a text, as a
 * reader reads that.
 */
extern size_t rde_xlsx_length(const char *src, size_t len);

#endif							/* RDE_MARKUP_H */
