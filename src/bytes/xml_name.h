/*
 * xml_name.h
 *	  Names of columns as names of XML elements.
 */
#ifndef RDE_XML_NAME_H
#define RDE_XML_NAME_H

#include <stddef.h>

/*
 * An XML element name for any identifier: what may not stand in a name becomes
 * _xHHHH_, as SQL/XML maps identifiers; room for 10 x len + 8.  So do colons,
 * and characters that readers of older XML editions refuse.
 */
extern char *rde_escape_xml_name(char *dst, const char *src, size_t len);

#endif							/* RDE_XML_NAME_H */
