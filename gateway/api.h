/*
 * api.h
 *	  What a login can list, see, ask for and change: one call of the database.
 */
#ifndef API_H
#define API_H

#include "request.h"

/* As the request's route says. */
extern enum MHD_Result api_answer(Request *request);

/* POST /token */
extern enum MHD_Result api_issue(Request *request);

/* GET /reports: days are needed, unless something else says which reports. */
extern bool api_check_days(const Request *request, Failure *failure);

#endif							/* API_H */
