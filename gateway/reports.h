/*
 * reports.h
 *	  /reports and /reports/{id}: what a login can list, see and ask for.
 */
#ifndef REPORTS_H
#define REPORTS_H

#include "request.h"

extern enum MHD_Result reports_list(Request *request);
extern enum MHD_Result reports_request(Request *request);
extern enum MHD_Result reports_get(Request *request);

#endif							/* REPORTS_H */
