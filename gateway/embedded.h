/*
 * embedded.h
 *	  Files that are a part of the program.
 */
#ifndef EMBEDDED_H
#define EMBEDDED_H

#include "request.h"

/* The file at the request's path. */
extern enum MHD_Result embedded_get(Request *request);

#endif							/* EMBEDDED_H */
