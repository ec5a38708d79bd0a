/*
 * reports.h
 *	  /reports, /reports/{id} and /reports/{id}/manifest: what a login can list,
 *	  see and ask for.
 */
#ifndef REPORTS_H
#define REPORTS_H

#include "request.h"

extern enum MHD_Result reports_list(Request *request);
extern enum MHD_Result reports_request(Request *request);
extern enum MHD_Result reports_get(Request *request);
extern enum MHD_Result reports_manifest(Request *request);

#endif							/* REPORTS_H */
