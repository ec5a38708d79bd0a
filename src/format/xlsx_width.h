/*
 * xlsx_width.h
 *	  How wide a sheet's columns are: as wide as what was seen in them.
 */
#ifndef RDE_XLSX_WIDTH_H
#define RDE_XLSX_WIDTH_H

#include "format/column.h"
#include "lib/stringinfo.h"

/* Widen columns to a row's values; seen has a number of characters for each. */
extern void rde_xlsx_see(int *seen, const RdeColumn *columns, int ncolumns,
						 const RdeValue *values);

/* Characters that text takes, as far as a column may be wide. */
extern int	rde_xlsx_text_width(const char *text, size_t len);

/*
 * A column's width in characters, with room for its title.  If there are more rows
 * than were seen their numbers and times need room, too: what is wider than its
 * column shows as ###.
 */
extern int	rde_xlsx_column_width(const RdeColumn *column, int seen,
								  bool more_rows);

/* <cols> of a sheet; nothing for no columns. */
extern void rde_xlsx_append_widths(StringInfo xml, const int *widths,
								   int ncolumns);

#endif							/* RDE_XLSX_WIDTH_H */
