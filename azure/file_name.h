/*
 * file_name.h
 *	  What a file is to be called where it is saved.
 */
#ifndef AZURE_FILE_NAME_H
#define AZURE_FILE_NAME_H

#include "postgres.h"

/*
 * A name in UTF-8 with "_" for a slash of either kind, a dot after a dot, control
 * characters, and those that turn round the direction of what follows.
 */
extern char *azure_file_name(const char *utf8);

#endif							/* AZURE_FILE_NAME_H */
