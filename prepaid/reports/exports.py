"""A report's tables as files: CSV for any program, and one workbook.

Knows file formats; must not know how figures come about.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any

import xlsxwriter

from prepaid.money import exponent_of
from prepaid.reports.tables import Cell, Column, Kind, Table

# Without it a spreadsheet takes UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"
# What a spreadsheet would take for the beginning of a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
SHEET_NAME_LENGTH_MAX = 31


class _Echo:
    """A file that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        """Give the line back."""
        return line


def csv_lines(table: Table, *, currency: str) -> Iterator[str]:
    """Give a table line by line: amounts in major units with a point, days as ISO 8601, no total."""
    writer: Any = csv.writer(_Echo())
    heads = [
        f"{column.title} ({currency})" if column.kind == "money" else column.title for column in table.columns
    ]
    yield BYTE_ORDER_MARK + writer.writerow([safe(head) for head in heads])
    for row in table.rows:
        cells = zip(table.columns, row, strict=True)
        yield writer.writerow([_as_text(column, cell, currency) for column, cell in cells])


def workbook(tables: Sequence[Table], *, currency: str) -> IO[bytes]:
    """Write tables into a workbook, one a sheet, and give it as a file that vanishes when closed.

    Written row by row to disk, so that a long report does not fill the memory.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 (whoever sends it closes it)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        formats = _formats(book, currency)
        for table in tables:
            _write_sheet(book, table, formats, currency)
    file.seek(0)
    return file


def safe(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def major(amount_minor: int, currency: str) -> Decimal:
    """Give an amount in major units, exactly."""
    return Decimal(amount_minor).scaleb(-exponent_of(currency))


def _as_text(column: Column, cell: Cell, currency: str) -> str:
    if column.kind == "money":
        assert isinstance(cell, int)
        return f"{major(cell, currency):.{exponent_of(currency)}f}"
    if isinstance(cell, date):
        return cell.isoformat()
    return safe(cell) if isinstance(cell, str) else str(cell)


def _formats(book: Any, currency: str) -> dict[tuple[Kind, bool], Any]:
    places = exponent_of(currency)
    codes: dict[Kind, str] = {
        "day": "yyyy-mm-dd",
        "text": "@",
        "count": "#,##0",
        "money": "#,##0" + ("." + "0" * places if places else ""),
    }
    return {
        (kind, is_bold): book.add_format({"num_format": code, "bold": is_bold})
        for kind, code in codes.items()
        for is_bold in (False, True)
    }


def _write_sheet(book: Any, table: Table, formats: dict[tuple[Kind, bool], Any], currency: str) -> None:
    sheet = book.add_worksheet(table.title[:SHEET_NAME_LENGTH_MAX])
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, len(table.columns) - 1, 18)
    for place, column in enumerate(table.columns):
        head = f"{column.title} ({currency})" if column.kind == "money" else column.title
        sheet.write_string(0, place, head, formats["text", True])
    for number, row in enumerate(table.rows, start=1):
        for place, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
            _write_cell(sheet, number, place, column, cell, formats[column.kind, False], currency)
    for place, (column, cell) in enumerate(zip(table.columns, table.total, strict=False)):
        kind: Kind = "text" if isinstance(cell, str) else column.kind
        _write_cell(sheet, len(table.rows) + 1, place, Column("", kind), cell, formats[kind, True], currency)


def _write_cell(
    sheet: Any, row: int, place: int, column: Column, cell: Cell, cell_format: Any, currency: str
) -> None:
    if isinstance(cell, date):
        sheet.write_datetime(row, place, cell, cell_format)
    elif isinstance(cell, str):
        sheet.write_string(row, place, cell, cell_format)
    elif column.kind == "money":
        sheet.write_number(row, place, major(cell, currency), cell_format)
    else:
        sheet.write_number(row, place, cell, cell_format)
