/*
 * peers_xlsx.c
 *	  A workbook of a SELECT, as a C program with libpq and libxlsxwriter makes it.
 *
 * For bench/peers: its arguments are the file and the SELECT.  Rows come one by one, and
 * the workbook is written in constant memory; numbers are numbers, all else is text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <xlsxwriter.h>

/* Type ids of int2, int4, int8, float4, float8 and numeric. */
static int
is_number(Oid type)
{
	return type == 20 || type == 21 || type == 23 || type == 700 || type == 701 || type == 1700;
}

static void
write_row(lxw_worksheet *sheet, lxw_row_t at, const PGresult *result)
{
	for (int i = 0; i < PQnfields(result); i++)
	{
		if (PQgetisnull(result, 0, i))
			continue;
		if (is_number(PQftype(result, i)))
			worksheet_write_number(sheet, at, i, strtod(PQgetvalue(result, 0, i), NULL), NULL);
		else
			worksheet_write_string(sheet, at, i, PQgetvalue(result, 0, i), NULL);
	}
}

int
main(int argc, char **argv)
{
	PGconn	   *conn = PQconnectdb("");
	lxw_workbook_options options = {.constant_memory = LXW_TRUE};
	lxw_workbook *book;
	lxw_worksheet *sheet;
	PGresult   *result;
	lxw_row_t	rows = 0;

	if (argc != 3 || PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		return 2;
	}
	book = workbook_new_opt(argv[1], &options);
	sheet = workbook_add_worksheet(book, NULL);
	PQsendQuery(conn, argv[2]);
	PQsetSingleRowMode(conn);
	while ((result = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_FATAL_ERROR)
		{
			fprintf(stderr, "%s", PQerrorMessage(conn));
			return 1;
		}
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			write_row(sheet, ++rows, result);
		PQclear(result);
	}
	PQfinish(conn);
	return workbook_close(book) == LXW_NO_ERROR ? 0 : 1;
}
