#!/usr/bin/python3
#
# summary.py - what openpyxl finds in a workbook with a summary, as JSON
#
#   summary.py file.xlsx
#
# Prints the sheets' names and the active one; the rows of the sheet "Summary",
# a cell as [value, number format]; the notes of the first sheet's header; the
# charts, each with its title and the ranges of what it counts and how much; and
# the widths of the first sheet's columns.

import json
import sys

import openpyxl


def text(title):
    return "".join(run.t for paragraph in title.tx.rich.p for run in paragraph.r)


book = openpyxl.load_workbook(sys.argv[1])
data = book.worksheets[0]
summary = book["Summary"]
print(json.dumps({
    "sheets": book.sheetnames,
    "active": book.active.title,
    "rows": [[None if cell.value is None else [cell.value, cell.number_format]
              for cell in row] for row in summary.iter_rows()],
    "notes": [cell.comment and cell.comment.text for cell in data[1]],
    "charts": [[text(chart.title), chart.series[0].cat.numRef.f,
                chart.series[0].val.numRef.f,
                [point.v for point in chart.series[0].val.numRef.numCache.pt]]
               for chart in summary._charts],
    "widths": [data.column_dimensions[cell.column_letter].width
               for cell in data[1]],
}, default=str))
