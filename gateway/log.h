/*
 * log.h
 *	  Lines on standard error.
 *
 * Invariant: no token, key, signature or query string is ever given to the
 * functions of this module.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdio.h>

typedef enum LogLevel
{
	LOG_ERROR,					/* somebody must look */
	LOG_WARNING,				/* it may go away by itself */
	LOG_INFO,					/* requests, start and stop */
	LOG_DEBUG
} LogLevel;

/* Lines above the level are left out; false if the name is not one. */
extern bool log_set_level(const char *name);
extern bool log_wanted(LogLevel level);

/* One line: time, level, message. */
extern void log_message(LogLevel level, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/*
 * A line put together piece by piece: what is printed between begin and end,
 * which writes it at once and whole.
 */
extern FILE *log_begin(char **line, size_t *size, LogLevel level);
extern void log_end(FILE *out, char **line, size_t *size);

#endif							/* LOG_H */
