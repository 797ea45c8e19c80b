"""The report's tables: the same rows for the page, the CSV file and the workbook.

Knows columns and their kinds; must not know markup or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from prepaid.reports.figures import Flow, Report

Kind = Literal["day", "text", "count", "money"]
Cell = date | str | int


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and what its cells are (money in minor units)."""

    title: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; `code` names it in addresses and files. `total` is empty where there is none."""

    code: str
    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    total: list[Cell]


def list_tables(report: Report, names: Mapping[UUID, str]) -> list[Table]:
    """List the tables of a report; `names` are those of stores."""
    return [days_table(report), stores_table(report, names), cells_table(report, names)]


def days_table(report: Report) -> Table:
    """Lay the days out: with every store, how the liability rolls forward; with one, what it changed."""
    flow = report.total
    middle = _cells_of(flow)
    if report.store_id is None:
        return Table(
            code="days",
            title=_("By day"),
            columns=[
                Column(_("Day"), "day"),
                Column(_("Liability at start"), "money"),
                *_flow_columns(),
                Column(_("Liability at end"), "money"),
                Column(_("Active cards"), "count"),
            ],
            rows=[
                [
                    line.day,
                    line.liability_before,
                    *_cells_of(line.flow),
                    line.liability_after,
                    line.active_cards,
                ]
                for line in report.days
            ],
            total=[_("Total"), report.liability_before, *middle, report.liability, report.active_cards],
        )
    return Table(
        code="days",
        title=_("By day"),
        columns=[
            Column(_("Day"), "day"),
            *_flow_columns(),
            Column(_("Change of liability"), "money"),
            Column(_("Active cards"), "count"),
        ],
        rows=[
            [
                line.day,
                *_cells_of(line.flow),
                line.flow.change,
                line.active_cards,
            ]
            for line in report.days
        ],
        total=[_("Total"), *middle, flow.change, report.active_cards],
    )


def stores_table(report: Report, names: Mapping[UUID, str]) -> Table:
    """Lay the stores out, by name."""
    flow = report.total
    rows: list[list[Cell]] = [
        [
            names.get(line.store_id, str(line.store_id)),
            *_cells_of(line.flow),
            line.active_cards,
        ]
        for line in report.stores
    ]
    return Table(
        code="stores",
        title=_("By store"),
        columns=[Column(_("Store"), "text"), *_flow_columns(), Column(_("Active cards"), "count")],
        rows=sorted(rows, key=lambda row: str(row[0])),
        total=[
            _("Total"),
            *_cells_of(flow),
            sum(line.active_cards for line in report.stores),
        ],
    )


def cells_table(report: Report, names: Mapping[UUID, str]) -> Table:
    """Lay out each day of each store on which something happened."""
    rows: list[list[Cell]] = [
        [day, names.get(store, str(store)), *_cells_of(report.cells[day, store])]
        for day, store in sorted(report.cells, key=lambda cell: (cell[0], names.get(cell[1], str(cell[1]))))
    ]
    return Table(
        code="days-and-stores",
        title=_("By day and store"),
        columns=[Column(_("Day"), "day"), Column(_("Store"), "text"), *_flow_columns()],
        rows=rows,
        total=[],
    )


def _cells_of(flow: Flow) -> list[Cell]:
    return [
        flow.topped_up_count,
        flow.topped_up,
        flow.bonus,
        flow.redeemed_count,
        flow.redeemed,
        flow.paid_out,
        flow.expired,
        flow.brought_in,
        flow.adjusted,
    ]


def _flow_columns() -> list[Column]:
    return [
        Column(_("Top-ups"), "count"),
        Column(pgettext("report", "Topped up"), "money"),
        Column(_("Bonus"), "money"),
        Column(_("Redemptions"), "count"),
        Column(pgettext("report", "Redeemed"), "money"),
        Column(pgettext("report", "Paid out"), "money"),
        Column(_("Expired value"), "money"),
        Column(pgettext("report", "Brought in"), "money"),
        Column(_("Corrected"), "money"),
    ]
