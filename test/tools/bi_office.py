#!/usr/bin/python3
#
# bi_office.py - what LibreOffice reads of the views for BI, as JSON
#
#   bi_office.py <folder> <sdbc url> <user> <money> <types> <view>
#
# Makes a document of Base in <folder> that names the database, and opens it there.
# Prints what Base reads, as text: {"rows": rows of the query <money>, "seen": {column:
# [type, text]}, the first row of the query <types>}.  And what Calc has in its
# cells, once <view> and <money> are imported into sheets: "table" and "query", rows
# with titles; and "sums", what SUMIF adds up in the first of them.

import json
import os
import subprocess
import sys
import time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.sheet.DataImportMode import SQL, TABLE

folder, url, user, money, types, view = sys.argv[1:]


def properties(**values):
    return tuple(PropertyValue(Name=name, Value=value) for name, value in values.items())


def connect(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    end = time.monotonic() + 120
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except NoConnectException:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def read_base(connection):
    def fetch(query):
        result = connection.createStatement().executeQuery(query)
        meta = result.MetaData
        columns = range(1, meta.ColumnCount + 1)
        rows = []
        while result.next():
            rows.append([result.getString(n) for n in columns])
        return [(meta.getColumnName(n), meta.getColumnType(n)) for n in columns], rows

    columns, rows = fetch(types)
    seen = {name: [type, value] for (name, type), value in zip(columns, rows[0])}
    return {"rows": fetch(money)[1], "seen": seen}


def read_calc(context):
    desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
    calc = desktop.loadComponentFromURL("private:factory/scalc", "_blank", 0, properties(Hidden=True))

    def import_sheet(name, type, what):
        calc.Sheets.insertNewByName(name, 0)
        sheet = calc.Sheets.getByName(name)
        sheet.getCellRangeByName("A1").doImport(
            properties(DatabaseName="reports", SourceType=type, SourceObject=what))
        cursor = sheet.createCursor()
        cursor.gotoEndOfUsedArea(False)
        used = cursor.RangeAddress
        return sheet.getCellRangeByPosition(0, 0, used.EndColumn, used.EndRow).DataArray

    found = {"table": import_sheet("table", TABLE, view), "query": import_sheet("query", SQL, money), "sums": {}}
    sheet = calc.Sheets.getByName("query")
    for currency in {row[0] for row in found["query"][1:]} - {""}:
        cell = sheet.getCellRangeByName("E1")
        sums = []
        for column in "BC":
            cell.Formula = f'=SUMIF(A2:A10000;"{currency}";{column}2:{column}10000)'
            sums.append(repr(cell.Value))
        found["sums"][currency] = sums
    calc.close(True)
    return found


pipe = f"rde_bi_{os.getpid()}"
office = subprocess.Popen(
    ["soffice", "--headless", "--norestore", "--nologo", f"-env:UserInstallation=file://{folder}/profile",
     f"--accept=pipe,name={pipe};urp;"], stdout=sys.stderr)
try:
    context = connect(pipe)
    databases = context.ServiceManager.createInstanceWithContext("com.sun.star.sdb.DatabaseContext", context)
    source = databases.createInstance()
    source.URL = url
    source.User = user
    source.DatabaseDocument.storeAsURL(f"file://{folder}/reports.odb", ())
    databases.registerDatabaseLocation("reports", f"file://{folder}/reports.odb")
    connection = databases.getByName("reports").getConnection(user, "")
    print(json.dumps({"base": read_base(connection), "calc": read_calc(context)}))
finally:
    office.terminate()
    office.wait(60)
