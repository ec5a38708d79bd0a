/*
 * xlsx_note.h
 *	  Notes at the titles of a sheet's columns: what a field is.
 */
#ifndef RDE_XLSX_NOTE_H
#define RDE_XLSX_NOTE_H

#include "format/column.h"

/*
 * A note for each column that its view says something of, NULL for others; of at
 * most a thousand bytes of UTF-8, without what XML cannot hold.  In the current
 * memory context.
 */
extern const char **rde_xlsx_notes(const RdeColumn *columns, int ncolumns);

#endif							/* RDE_XLSX_NOTE_H */
