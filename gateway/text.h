/*
 * text.h
 *	  Text as HTTP, JSON and logs need it.  Pure functions.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TEXT_TIME_SIZE	25		/* 2019-11-12T09:51:14.123Z */
#define TEXT_UUID_SIZE	37
#define TEXT_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Now, in UTC, to the millisecond. */
extern void text_time(char result[TEXT_TIME_SIZE]);

/* A random UUID (version 4). */
extern void text_random_uuid(char result[TEXT_UUID_SIZE]);

/* 8-4-4-4-12 hexadecimal digits, and nothing else? */
extern bool text_is_uuid(const char *text);

/* YYYY-MM-DD, a day of the calendar? */
extern bool text_is_date(const char *text);

/* From 1 to most characters, each a letter, a digit or one of others? */
extern bool text_is_word(const char *text, size_t most, const char *others);

/* A string of JSON, in quotes.  What is not UTF-8 becomes U+FFFD. */
extern void text_put_json(FILE *out, const char *text);

/* For a line of a log: backslashes and what is not printable ASCII become \xHH. */
extern void text_put_printable(FILE *out, const char *text);

/* Percent-encoded but for RFC 8187's attr-char. */
extern void text_put_percent(FILE *out, const char *text);

/*
 * As a client may save a file, to be freed: "_" for a slash of either kind, a
 * dot after a dot, control characters, those that turn round the direction of
 * what follows, and what is not UTF-8.
 */
extern char *text_file_name(const char *text);

/* With each character outside [A-Za-z0-9._+-] as "_". */
extern void text_put_ascii(FILE *out, const char *text);

/*
 * Percent-decode length bytes into result, which has room for length + 1.
 * False for a broken escape or a NUL.
 */
extern bool text_percent_decode(char *result, const char *text, size_t length);

/* 2 * n hexadecimal digits to n bytes; false if they are not. */
extern bool text_hex_decode(unsigned char *result, const char *text, size_t n);

/*
 * Base64 to a string that result has room for; false for what is none, or holds
 * a NUL.
 */
extern bool text_base64_decode(char *result, const char *text);

extern void text_base64(char *result, const unsigned char *data, size_t n);

#endif							/* TEXT_H */
