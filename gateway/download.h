/*
 * download.h
 *	  GET and HEAD /reports/{id}/{file_name}: the file itself.
 */
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include <stdio.h>

#include "request.h"

typedef struct Download Download;

/* By a signed link, or with a login. */
extern enum MHD_Result download_file(Request *request);

/* How many bytes were handed over, and whether all of them. */
extern void download_log(const Download *download, FILE *out);

/* Was all of it handed over? */
extern bool download_is_complete(const Download *download);

/* Once the request is completed; NULL is fine. */
extern void download_end(Download *download);

/* No longer wait for a database that is away. */
extern void download_begin_stop(void);

#endif							/* DOWNLOAD_H */
