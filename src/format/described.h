/*
 * described.h
 *	  The columns of a file, as its manifest names them.
 */
#ifndef RDE_DESCRIBED_H
#define RDE_DESCRIBED_H

#include "format/column.h"

/*
 * A jsonb array with an object a column: name, type, group, description.  The
 * columns have been prepared.
 */
extern Datum rde_columns_json(const RdeColumn *columns, int ncolumns);

#endif							/* RDE_DESCRIBED_H */
