"""A file of a SELECT, as a Python program makes it.

For bench/peers: its arguments are csv or xlsx, the file and the SELECT.  Rows come
through a cursor of the server's, 2,000 at a time; CSV goes through gzip, at its fastest;
a workbook is written in constant memory.
"""

import csv
import datetime
import decimal
import gzip
import json
import sys

import psycopg2

what, path, select = sys.argv[1:]
cursor = psycopg2.connect("").cursor("rows")
cursor.itersize = 2000
cursor.execute(select)
if what == "csv":
    with gzip.open(path, "wt", compresslevel=1, newline="") as file:
        writer = csv.writer(file)
        for row in cursor:
            writer.writerow(row)
else:
    import xlsxwriter

    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate(cursor, 1):
        for column, value in enumerate(row):
            if isinstance(value, (int, float, decimal.Decimal)):
                sheet.write_number(at, column, value)
            elif isinstance(value, str):
                sheet.write_string(at, column, value)
            elif isinstance(value, (datetime.date, datetime.datetime)):
                sheet.write_string(at, column, value.isoformat())
            elif value is not None:
                sheet.write_string(at, column, json.dumps(value))
    book.close()
