/*
 * health.h
 *	  GET /health: can requests be answered?
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "request.h"

extern enum MHD_Result health_get(Request *request);

#endif							/* HEALTH_H */
