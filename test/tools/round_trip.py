#!/usr/bin/python3
#
# round_trip.py - is a report's file, cell by cell, what its source holds?
#
#   round_trip.py format file source columns
#
# format is csv, json, xml or xlsx; file may be gzipped.  source is what COPY
# wrote of the source rows, in the file's order, as text in UTF-8 under ISO
# settings and in UTC.  columns is what COPY wrote of the column names, each
# with a kind: bool, integer, decimal, float, date, timestamp, timestamptz,
# json or text.
#
# Each file is read by a library that knows nothing of us, and what it gives is
# compared with what the source's text means in that format.  Prints counts
# that the report's manifest must agree with; differences go to stderr, the
# first ten of them, and make it fail.

import csv
import datetime
import gzip
import itertools
import json
import re
import sys
import xml.etree.ElementTree
from decimal import Decimal

UNESCAPE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

# what XML 1.0 cannot hold, and what an XLSX file cannot hold even escaped
NOT_IN_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NOT_IN_XLSX = re.compile("[\ufffe\uffff]")

counts = {"rows": 0, "cells": 0, "replaced": 0, "text_numbers": 0}


# The source: COPY's text format.

def unescape(field):
    if "\\" not in field:
        return field
    if field == "\\N":
        return None
    return re.sub(r"\\(.)", lambda m: UNESCAPE.get(m[1], m[1]), field)


def copied(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield [unescape(field) for field in line[:-1].split("\t")]


# What a value's text in the source means in every format.

def special_number(text):
    return text.lstrip("-") in ("NaN", "Infinity")


def moment(text):
    """A timestamp with a T; infinity and years BC stay as PostgreSQL has them."""
    if text.endswith("infinity") or text.endswith("BC"):
        return text
    return text.replace(" ", "T")


def instant(text):
    return moment(text)[:-3] + "Z" if text.endswith("+00") else text


def identity(text):
    return text


def boolean(text):
    return text == "t"


def boolean_text(text):
    return "true" if text == "t" else "false"


TEXTS = {"bool": boolean_text, "timestamp": moment, "timestamptz": instant}


# CSV cannot tell its readers of null; COPY FROM checks that.

def read_csv(file):
    reader = csv.reader(file, strict=True)
    # the null of a report of one column is an empty line
    return next(reader), (row or [""] for row in reader)


def csv_expected(kind):
    text = TEXTS.get(kind, identity)
    return lambda value: "" if value is None else text(value)


# JSON: numbers keep every digit, members keep their order.

class Members(tuple):
    pass


def digits(text):
    return Decimal(text).as_tuple()


def refuse(constant):
    raise ValueError("%s is no JSON" % constant)


loads = json.JSONDecoder(parse_float=digits, parse_int=digits,
                         parse_constant=refuse,
                         object_pairs_hook=Members).decode


def read_json(file):
    def rows():
        last = "[\n"
        for line in file:
            if line == "]\n":
                return
            if (last == "[\n") == (last == ",\n"):
                raise ValueError("no comma between rows")
            row = loads(line.rstrip(",\n"))
            if names != [name for name, _ in row]:
                raise ValueError("a row has other keys: %r" % (row,))
            yield [value for _, value in row]
            last = line[-2:]
        raise ValueError("the array does not end")

    if file.readline() != "[\n":
        raise ValueError("no array")
    start = file.tell()
    first = file.readline()
    file.seek(start)
    if first == "]\n":
        return None, rows()
    names = [name for name, _ in loads(first.rstrip(",\n"))]
    return names, rows()


def read_jsonl(file):
    lines = iter(file)
    first = next(lines, None)
    if first is None:
        return None, iter(())
    names = [name for name, _ in loads(first)]

    def rows():
        for line in itertools.chain([first], lines):
            row = loads(line)
            if line[-1] != "\n" or names != [name for name, _ in row]:
                raise ValueError("a line is another: %r" % line)
            yield [value for _, value in row]

    return names, rows()


def json_number(text):
    return None if special_number(text) else digits(text)


JSON_EXPECTED = {"bool": boolean, "integer": digits, "decimal": json_number,
                 "float": json_number, "json": loads}


def json_expected(kind):
    value_of = JSON_EXPECTED.get(kind) or TEXTS.get(kind, identity)
    return lambda value: None if value is None else value_of(value)


# XML

def from_xml_name(name):
    return re.sub("_x([0-9A-F]{4,6})_", lambda m: chr(int(m[1], 16)), name)


def element_value(element):
    if element.get(NIL) == "true":
        return None
    if len(element):
        return [(child.tag, child.get("name"), element_value(child))
                for child in element]
    return element.text or ""


def read_xml(file):
    def elements():
        depth = 1
        for event, element in events:
            depth += 1 if event == "start" else -1
            if depth == 1 and event == "end":
                if element.tag != "row":
                    raise ValueError("<%s> is no row" % element.tag)
                yield element
                report.clear()

    events = xml.etree.ElementTree.iterparse(file, ("start", "end"))
    _, report = next(events)
    rows = elements()
    first = next(rows, None)
    if first is None:
        return None, iter(())
    names = [from_xml_name(child.tag) for child in first]
    return names, ([element_value(child) for child in element]
                   for element in itertools.chain([first], rows))


def xml_text(text):
    text, replaced = NOT_IN_XML.subn("\ufffd", text)
    counts["replaced"] += replaced
    return text


class Literal(str):
    pass


literals = json.JSONDecoder(parse_float=Literal, parse_int=Literal,
                            parse_constant=refuse,
                            object_pairs_hook=Members).decode


def xml_json(text):
    """An array of pairs becomes attribute elements, other JSON its text."""
    value = literals(text)
    if (not isinstance(value, list) or
            not all(isinstance(pair, list) and len(pair) == 2 and
                    type(pair[0]) is str and
                    not isinstance(pair[1], (list, Members))
                    for pair in value)):
        return xml_text(text)
    return [("attribute", xml_text(name),
             boolean_text("t" if given else "f") if isinstance(given, bool)
             else given if given is None else xml_text(given))
            for name, given in value] or ""


def xml_expected(kind):
    text = xml_json if kind == "json" else \
        xml_text if kind == "text" else TEXTS.get(kind, identity)
    return lambda value: None if value is None else text(value)


# XLSX: numbers of at most 15 digits, dates from 1900-03-01 to 9999.

def read_xlsx(path):
    import openpyxl

    def value(cell):
        if cell.data_type == "f":
            raise ValueError("%s is a formula" % cell.coordinate)
        if isinstance(cell.value, str):
            return re.sub("_x([0-9A-Fa-f]{4})_",
                          lambda m: chr(int(m[1], 16)), cell.value)
        return cell.value

    def rows():
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            for row in itertools.islice(sheet.rows, 1, None):
                yield [value(cell) for cell in row] + \
                    [None] * (len(names) - len(row))

    book = openpyxl.load_workbook(path, read_only=True)
    first = book.worksheets[0]
    first.reset_dimensions()
    names = [value(cell) for cell in next(first.rows)]
    return names, rows()


def xlsx_text(text):
    text, replaced = NOT_IN_XLSX.subn("\ufffd", text)
    counts["replaced"] += replaced + text.count("\r")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def xlsx_number(text):
    if special_number(text):
        return text
    plain = text.lstrip("-")
    if "." in plain:
        plain = plain.rstrip("0")
    if len(plain.replace(".", "").lstrip("0")) > 15 or \
            float(text) == 0 != Decimal(text):
        counts["text_numbers"] += 1
        return text
    return float(text)


class Near:
    """A time to the millisecond, which is all that openpyxl reads."""

    def __init__(self, time):
        self.time = time

    def __eq__(self, other):
        return isinstance(other, datetime.datetime) and \
            abs(other - self.time) <= datetime.timedelta(microseconds=500)

    def __repr__(self):
        return "about %r" % self.time


def has_excel_day(text):
    return re.match(r"\d{4}-", text) and not text.endswith("BC") and \
        text >= "1900-03-01"


def xlsx_date(text):
    return datetime.datetime.fromisoformat(text) if has_excel_day(text) \
        else text


def excel_time(text, shown):
    # the very last second could be rounded into the year 10000
    if not has_excel_day(text) or text > "9999-12-31 23:59:59":
        return shown
    time = datetime.datetime.strptime(
        text, "%Y-%m-%d %H:%M:%S.%f" if "." in text else "%Y-%m-%d %H:%M:%S")
    return Near(time)


def xlsx_timestamp(text):
    return excel_time(text, moment(text))


def xlsx_timestamptz(text):
    return excel_time(text[:-3] if text.endswith("+00") else text,
                      instant(text))


def xlsx_float(text):
    return text if special_number(text) else float(text)


XLSX_EXPECTED = {"bool": boolean, "integer": xlsx_number,
                 "decimal": xlsx_number, "float": xlsx_float,
                 "date": xlsx_date, "timestamp": xlsx_timestamp,
                 "timestamptz": xlsx_timestamptz}


def xlsx_expected(kind):
    value_of = XLSX_EXPECTED.get(kind, xlsx_text)
    return lambda value: None if value is None else value_of(value)


def main():
    kind, path, source, columns = sys.argv[1:]
    read, expected = {"csv": (read_csv, csv_expected),
                      "json": (read_json, json_expected),
                      "jsonl": (read_jsonl, json_expected),
                      "xml": (read_xml, xml_expected),
                      "xlsx": (read_xlsx, xlsx_expected)}[kind]
    names, kinds = zip(*copied(columns))
    meanings = [expected(column) for column in kinds]

    if kind == "xlsx":
        file = path
    else:
        opened = gzip.open if path.endswith(".gz") else open
        file = opened(path, "rb") if kind == "xml" else \
            opened(path, "rt", encoding="utf-8", newline="" if kind == "csv" else "\n")
    csv.field_size_limit(1 << 30)
    header, rows = read(file)
    differences = 0
    # JSON and XML have their names in the rows
    if kind == "xlsx":
        names = [xlsx_text(name) for name in names]
    if header is not None and list(header) != list(names):
        sys.exit("the header is %r, not %r" % (header, names))

    for row, told in itertools.zip_longest(rows, copied(source)):
        counts["rows"] += 1
        if row is None or told is None:
            sys.exit("row %d is only in the %s" %
                     (counts["rows"], "source" if row is None else "file"))
        wanted = [meaning(value) for meaning, value in zip(meanings, told)]
        counts["cells"] += len(wanted)
        if row == wanted:
            continue
        for name, got, want, text in itertools.zip_longest(names, row, wanted, told):
            if got != want:
                differences += 1
                if differences <= 10:
                    print("row %d, column %s: %r, not %r" %
                          (counts["rows"], name, got, want), file=sys.stderr)
    print(" ".join("%s=%d" % item for item in counts.items()))
    sys.exit(differences > 0)


main()
