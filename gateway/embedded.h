/*
 * embedded.h
 *	  Files that are a part of the program: the API's description, and the panel.
 */
#ifndef EMBEDDED_H
#define EMBEDDED_H

#include "request.h"

/* The file at the request's path. */
extern enum MHD_Result embedded_get(Request *request);

/* The same of the panel, which may be left out: then there is nothing. */
extern enum MHD_Result embedded_get_panel(Request *request);
extern void embedded_leave_out_panel(void);

#endif							/* EMBEDDED_H */
