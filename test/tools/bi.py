#!/usr/bin/python3
#
# bi.py - what programs in Python read of the views for BI, as JSON
#
#   bi.py psycopg2|psycopg|pandas <conninfo> <money> <types>
#
# Prints {"sums": {currency: [rows, amount]}, "seen": {column: [type, text]}}: what
# the query <money>, which has the columns currency, rows, amount, adds up to with
# the library's own numbers, and the first row of the query <types>.  Each column
# of that is fetched alone, and an error is its text.

import json
import sys
import warnings
from decimal import Decimal

library, conninfo, money, types = sys.argv[1:]
if library == "psycopg":
    import psycopg as module
else:
    import psycopg2 as module
connection = module.connect(conninfo)
connection.autocommit = True


def text(number):
    return format(number, "f") if isinstance(number, Decimal) else repr(number)


def fetch(query):
    cursor = connection.cursor()
    cursor.execute(query)
    return [d[0] for d in cursor.description], cursor.fetchall()


def add_up(rows):
    sums = {}
    for currency, count, amount in rows:
        before = sums.get(currency, (0, 0))
        sums[currency] = (before[0] + count, before[1] + amount)
    return {currency: [text(count), text(amount)] for currency, (count, amount) in sums.items()}


def see():
    seen = {}
    for name in fetch(types + " LIMIT 0")[0]:
        try:
            value = fetch(f"SELECT {name} FROM ({types}) AS t LIMIT 1")[1][0][0]
            seen[name] = [type(value).__name__, str(value)]
        except module.Error as error:
            seen[name] = ["error", str(error)]
    return seen


if library == "pandas":
    import pandas

    # it has been tried with SQLAlchemy only, it says
    warnings.simplefilter("ignore")

    def sums(**options):
        frame = pandas.read_sql(money, connection, **options)
        grouped = frame.groupby("currency")
        rows, amount = grouped["rows"].sum(), grouped["amount"].sum()
        return {currency: [text(rows[currency]), text(amount[currency])] for currency in rows.index}

    print(json.dumps({"sums": sums(coerce_float=False), "floats": sums()}))
else:
    print(json.dumps({"sums": add_up(fetch(money)[1]), "seen": see()}))
