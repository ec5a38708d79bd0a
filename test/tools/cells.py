#!/usr/bin/python3
#
# cells.py - the cells of a workbook's first sheet, as JSON
#
#   cells.py [--values] file.xlsx
#
# A row is an array of cells, a cell is [type, value]: s for text, n for numbers
# and empty cells, b, d, and f for formulas, whose value is the formula.  With
# --values it is the value alone, as openpyxl gives it.

import json
import re
import sys

import openpyxl


def value(cell):
    if isinstance(cell.value, str):
        return re.sub("_x([0-9A-Fa-f]{4})_",
                      lambda m: chr(int(m[1], 16)), cell.value)
    return cell.value


sheet = openpyxl.load_workbook(sys.argv[-1]).worksheets[0]
print(json.dumps([[cell.value if sys.argv[1] == "--values" else
                   [cell.data_type, value(cell)] for cell in row]
                  for row in sheet.iter_rows()], default=str))
