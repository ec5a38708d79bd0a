/*
 * xlsx_kept.h
 *	  Shells of workbooks that the session has made before.
 */
#ifndef RDE_XLSX_KEPT_H
#define RDE_XLSX_KEPT_H

#include "format/xlsx_shell.h"

/*
 * What rde_workbook_create() makes of a plan, part by part.  A shell that differs
 * from another report's in nothing but when it was created and how many rows its
 * one sheet has is made by the library once and kept for the session.
 */
extern RdeWorkbook *rde_workbook_get(const RdeXlsxPlan *plan);

#endif							/* RDE_XLSX_KEPT_H */
