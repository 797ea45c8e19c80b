"""Reading a file of another system's cards: whole, exact, and every fault of it by line.

Knows encodings, columns and what a field may say; must not know the database.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from prepaid.cards import numbers
from prepaid.cards.bulk.models import LINES_MAX
from prepaid.money import parse_amount
from prepaid.stored_value.bulk.errors import FileUnreadable
from prepaid.stored_value.bulk.lines import Line

# What the heading may call each column, and how long a field may be.
COLUMNS = {
    "number": ("number", "card number", "卡号"),
    "external_id": ("external_id", "external id", "id", "外部编号", "会员号"),
    "balance": ("balance", "余额", "本金余额"),
    "bonus": ("bonus", "赠送金额", "赠送余额"),
    "expires_on": ("expires_on", "expiry", "有效期", "有效期至"),
    "state": ("state", "status", "状态"),
    "holder": ("holder", "holder name", "name", "持卡人", "姓名"),
    "phone": ("phone", "mobile", "手机号", "电话"),
}
LENGTHS = {"external_id": 64, "holder": 120, "phone": 32}
STATES = {
    "": "active", "active": "active", "正常": "active", "有效": "active",
    "blocked": "blocked", "冻结": "blocked", "停用": "blocked",
    "issued": "issued", "inactive": "issued", "未激活": "issued",
}  # fmt: skip
# Why no line of a file can be read at all.
VALUE_SHOWN = 80
FILE_BYTES_MAX = 20_000_000
_NAME_OF = {title: name for name, titles in COLUMNS.items() for title in titles}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field: line of the file, column, a stable code, and what stands there."""

    line: int
    column: str
    code: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sheet:
    """A file as read: its good lines, and all faults of the others."""

    encoding: str
    count: int
    lines: list[Line]
    faults: list[Fault]


class Wrong(Protocol):
    """Notes a fault of the line that is being read."""

    def __call__(self, column: str, code: str, value: str | None = None) -> None:
        """Note it; without a value, what stands in the column is shown."""


@dataclass(slots=True)
class _Seen:
    """On which line a number or an external id stood first."""

    numbers: dict[str, int] = field(default_factory=dict)
    external_ids: dict[str, int] = field(default_factory=dict)


def read_sheet(content: bytes, *, currency: str, today: date, balance_max: int | None) -> Sheet:
    """Read a CSV file of cards. Amounts are decimal text of major units, read exactly to minor units.

    Raises FileUnreadable where no line can be read at all.
    """
    text, encoding = decode(content)
    rows = _rows_of(text)
    heading = _read_heading(next(rows, (1, []))[1])
    seen, lines, faults, count = _Seen(), [], [], 0
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > LINES_MAX:
            raise FileUnreadable("too_many_lines", str(LINES_MAX))
        if len(cells) != len(heading):
            faults.append(Fault(number, "", "cells_count", f"{len(cells)} / {len(heading)}"))
            continue
        fields = {name: _plain(cell) for name, cell in zip(heading, cells, strict=True)}
        line, wrong = _read_line(number, fields, seen, currency, today, balance_max)
        faults += wrong
        if line is not None:
            lines.append(line)
    if not count:
        raise FileUnreadable("no_lines")
    return Sheet(encoding=encoding, count=count, lines=lines, faults=faults)


def decode(content: bytes) -> tuple[str, str]:
    """Give a file's text and its encoding: UTF-8, with a mark or without, else GB 18030.

    Raises FileUnreadable.
    """
    if len(content) > FILE_BYTES_MAX:
        raise FileUnreadable("too_large")
    for encoding, name in (("utf-8-sig", "UTF-8"), ("gb18030", "GB 18030")):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, name
    raise FileUnreadable("encoding_unknown")


def _rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each row with the line of the file on which it ends."""
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise FileUnreadable("broken_quotes", str(reader.line_num)) from error


def _read_heading(cells: list[str]) -> list[str]:
    titles = [_plain(cell) for cell in cells]
    names = [_NAME_OF.get(title.casefold(), "") for title in titles]
    for title, name in zip(titles, names, strict=True):
        if not name:
            raise FileUnreadable("column_unknown", title[:VALUE_SHOWN])
        if names.count(name) > 1:
            raise FileUnreadable("column_twice", title[:VALUE_SHOWN])
    if "balance" not in names or not {"number", "external_id"} & set(names):
        raise FileUnreadable("columns_missing")
    return names


def _read_line(
    number: int,
    fields: dict[str, str],
    seen: _Seen,
    currency: str,
    today: date,
    balance_max: int | None,
) -> tuple[Line | None, list[Fault]]:
    """Read one line with all that is wrong with it; None where anything is."""
    faults: list[Fault] = []

    def wrong(column: str, code: str, value: str | None = None) -> None:
        shown = fields.get(column, "") if value is None else value
        faults.append(Fault(number, column, code, shown[:VALUE_SHOWN]))

    card_number = _read_number(number, fields, seen, wrong)
    amounts = {}
    for column in ("balance", "bonus"):
        typed = fields.get(column, "")
        try:
            amounts[column] = (
                parse_amount(typed, currency).amount_minor if typed or column == "balance" else 0
            )
        except ValueError:
            wrong(column, "amount_invalid")
    if balance_max is not None and sum(amounts.values()) > balance_max:
        wrong("balance", "balance_max")
    expires_on = _read_day(fields, today, wrong)
    state = STATES.get(fields.get("state", "").casefold())
    if state is None:
        wrong("state", "state_unknown")
    for column, length in LENGTHS.items():
        if len(fields.get(column, "")) > length:
            wrong(column, "too_long")
    if fields.get("phone") and not fields.get("holder"):
        wrong("holder", "holder_missing", fields["phone"])
    if faults or state is None:
        return None, faults
    return (
        Line(
            line=number,
            number=card_number,
            external_id=fields.get("external_id", ""),
            paid_minor=amounts["balance"],
            bonus_minor=amounts["bonus"],
            expires_on=expires_on,
            card_state=state,
            holder_name=fields.get("holder", ""),
            holder_phone=fields.get("phone", ""),
        ),
        faults,
    )


def _read_number(number: int, fields: dict[str, str], seen: _Seen, wrong: Wrong) -> str | None:
    """Read by what a line names its card, each once in the file."""
    typed, external_id = fields.get("number", ""), fields.get("external_id", "")
    card_number = numbers.parse_number(typed) if typed else None
    if typed and card_number is None:
        wrong("number", "number_invalid", _masked(typed))
    if not typed and not external_id:
        wrong("number", "nothing_named")
    for named, first, column in (
        (card_number, seen.numbers, "number"),
        (external_id, seen.external_ids, "external_id"),
    ):
        if named:
            before = first.setdefault(named, number)
            if before != number:
                wrong(column, "twice", str(before))
    return card_number


def _read_day(fields: dict[str, str], today: date, wrong: Wrong) -> date | None:
    typed = fields.get("expires_on", "").replace("/", "-").replace(".", "-")
    if not typed:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", typed) is None:
            raise ValueError(typed)
        expires_on = date(*(int(part) for part in typed.split("-")))
    except ValueError:
        wrong("expires_on", "date_invalid")
        return None
    if expires_on < today:
        wrong("expires_on", "date_past")
    return expires_on


def _plain(cell: str) -> str:
    """Drop what surrounds a field, and make full-width digits plain."""
    return unicodedata.normalize("NFKC", cell).strip()


def _masked(typed: str) -> str:
    """Show of a wrong number what helps to find it: never more than its end where it may be a card's."""
    plain = "".join(typed.split())
    return plain if not plain.isdigit() else f"•••• {plain[-4:]}"
