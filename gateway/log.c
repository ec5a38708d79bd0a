/*
 * log.c
 *	  Lines on standard error.
 *
 * Invariant: a line is written by one write(2), so lines of threads do not mix;
 * what came from outside has been through text_put_printable() before.
 */
#include "log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "text.h"

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static LogLevel wanted = LOG_INFO;

bool
log_set_level(const char *name)
{
	for (int i = 0; i <= LOG_DEBUG; i++)
	{
		if (strcmp(name, level_names[i]) == 0)
		{
			wanted = i;
			return true;
		}
	}
	return false;
}

bool
log_wanted(LogLevel level)
{
	return level <= wanted;
}

FILE *
log_begin(char **line, size_t *size, LogLevel level)
{
	FILE	   *out = open_memstream(line, size);
	char		now[TEXT_TIME_SIZE];

	if (out == NULL)
		abort();
	text_time(now);
	fprintf(out, "%s %s ", now, level_names[level]);
	return out;
}

void
log_end(FILE *out, char **line, size_t *size)
{
	size_t		done = 0;

	putc('\n', out);
	if (fclose(out) != 0)
		abort();
	while (done < *size)
	{
		ssize_t		n = write(STDERR_FILENO, *line + done, *size - done);

		if (n <= 0)
			break;				/* nobody reads it */
		done += n;
	}
	free(*line);
}

void
log_message(LogLevel level, const char *format,...)
{
	va_list		args;
	char	   *line;
	size_t		size;
	FILE	   *out;
	char	   *message;

	if (!log_wanted(level))
		return;
	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		abort();
	va_end(args);
	message[strcspn(message, "\n")] = '\0';
	out = log_begin(&line, &size, level);
	text_put_printable(out, message);
	free(message);
	log_end(out, &line, &size);
}
