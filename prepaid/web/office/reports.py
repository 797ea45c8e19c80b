"""The report page and its files.

Knows what a manager asks for and how figures read; what they are is decided by reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from prepaid.money import Money, exponent_of, format_amount
from prepaid.reports.charts import Chart, grouped_bars, sparkline
from prepaid.reports.exports import csv_lines, workbook
from prepaid.reports.figures import Flow, Report, list_currencies, report
from prepaid.reports.periods import Period, PeriodRefused, last_days, latest_business_date
from prepaid.reports.tables import Table, list_tables
from prepaid.settlement.exceptions import list_open
from prepaid.settlement.kinds import kind_of
from prepaid.stores.models import Staff, Store
from prepaid.web.access import StaffRequest, in_the_office
from prepaid.web.named import name_of

PRESETS = (7, 30, 90)
PRESET = 30
# Above this a chart shows weeks: a bar of a day would be too thin to hit.
DAYS_AS_BARS_MAX = 92
WIDE = {"width": 1144, "height": 340, "left": 64}
NARROW = {"width": 344, "height": 250, "left": 44}
EXCEPTIONS_SHOWN = 5
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for; `refused` is a sentence where the dates given were no period."""

    period: Period
    preset: int | None
    currency: str
    store: Store | None
    stores: list[Store]
    refused: str = ""

    @property
    def store_id(self) -> UUID | None:
        """Give the one store asked for, or None for all."""
        return None if self.store is None else self.store.id

    @property
    def names(self) -> Mapping[UUID, str]:
        """Name the stores in the reader's language."""
        return {store.id: name_of(store) for store in self.stores}

    def address(self, *, days: int | None = None) -> str:
        """Write the question as a query, or the same one of the last so many days."""
        days = days or self.preset
        period = {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}
        place = {"store": self.store.code} if self.store else {}
        return urlencode(({"days": days} if days else period) | {"currency": self.currency} | place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure with how it compares and how it went."""

    name: str
    figure: str
    compared: str
    tone: str
    line: str
    area: str
    note: str = ""


@never_cache
@require_GET
@in_the_office
def reports(request: StaffRequest, staff: Staff) -> HttpResponse:
    """Show a period's figures: tiles, chart, tables, and what does not agree."""
    question = read_question(request, staff)
    figures = report(question.period, currency=question.currency, store_id=question.store_id)
    days, stores, _cells = list_tables(figures, question.names)
    groups = list_groups(figures)
    context = {
        "question": question,
        "presets": [
            {"days": days, "address": question.address(days=days), "current": days == question.preset}
            for days in PRESETS
        ],
        "currencies": list_currencies(),
        "currency": question.currency,
        "report": figures,
        "tiles": list_tiles(figures),
        "charts": [
            {"name": "wide", **chart_of(groups, figures.currency, WIDE, labels_max=8)},
            {"name": "narrow", **chart_of(groups, figures.currency, NARROW, labels_max=4)},
        ],
        "is_empty": not any(figures.cells.values()),
        "days": shown(days),
        "by_store": shown(stores),
        "download": question.address(),
        "exceptions": [(kind_of(row.kind).title, row) for row in list_open()[:EXCEPTIONS_SHOWN]],
    }
    return render(request, "reports/report.html", context)


@never_cache
@require_GET
@in_the_office
def export_csv(request: StaffRequest, staff: Staff, code: str) -> HttpResponseBase:
    """Stream one of the report's tables as CSV."""
    question = read_question(request, staff)
    table = next((each for each in tables_of(question) if each.code == code), None)
    if table is None:
        raise Http404
    lines = csv_lines(table, currency=question.currency)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{file_name(question, code)}.csv"'
    return answer


@never_cache
@require_GET
@in_the_office
def export_xlsx(request: StaffRequest, staff: Staff) -> HttpResponseBase:
    """Give all of the report's tables as one workbook."""
    question = read_question(request, staff)
    file = workbook(tables_of(question), currency=question.currency)
    return FileResponse(
        file, as_attachment=True, filename=f"{file_name(question, 'report')}.xlsx", content_type=XLSX
    )


def tables_of(question: Question) -> list[Table]:
    """Add up what is asked for and lay it out."""
    figures = report(question.period, currency=question.currency, store_id=question.store_id)
    return list_tables(figures, question.names)


def file_name(question: Question, code: str) -> str:
    """Name a file after what is in it."""
    place = f"-{question.store.code}" if question.store else ""
    period = question.period
    return f"{code}-{period.first}-{period.last}-{question.currency}{place}"


def read_question(request: StaffRequest, staff: Staff) -> Question:
    """Read what is asked for; what cannot be read becomes the last 30 days, with a sentence why."""
    asked = request.GET
    stores = list(Store.objects.order_by("code"))
    today = latest_business_date(stores, timezone.now())
    currencies = list_currencies()
    currency = asked.get("currency", "")
    if currency not in currencies:
        currency = staff.store.currency
    store = next((each for each in stores if each.code == asked.get("store")), None)
    preset, refused = PRESET, ""
    if asked.get("from") or asked.get("to"):
        try:
            return Question(
                read_period(asked.get("from", ""), asked.get("to", "")), None, currency, store, stores
            )
        except PeriodRefused as error:
            refused = (
                _("A report covers at most 366 days.")
                if error.code == "length"
                else _("The first day is after the last.")
            )
        except ValueError:
            refused = _("Give both days.")
    elif asked.get("days") in {str(days) for days in PRESETS}:
        preset = int(asked["days"])
    return Question(last_days(preset, until=today), preset, currency, store, stores, refused)


def read_period(first: str, last: str) -> Period:
    """Read two ISO 8601 dates. Raises PeriodRefused, and ValueError where one is no date."""
    return Period(date.fromisoformat(first), date.fromisoformat(last))


def list_tiles(figures: Report) -> list[Tile]:
    """List the four figures at the top."""
    total, before, lines = figures.total, figures.total_before, figures.days
    currency = figures.currency
    return [
        tile(
            pgettext("report", "Topped up"),
            amount(total.topped_up, currency),
            now=total.topped_up,
            before=before.topped_up,
            values=[line.flow.topped_up for line in lines],
        ),
        tile(
            pgettext("report", "Redeemed"),
            amount(total.redeemed, currency),
            now=total.redeemed,
            before=before.redeemed,
            values=[line.flow.redeemed for line in lines],
        ),
        tile(
            _("Liability"),
            amount(figures.liability, currency),
            now=figures.liability,
            before=figures.liability_before,
            values=[line.liability_after for line in lines],
            note=_("all stores") if figures.store_id else "",
        ),
        tile(
            _("Active cards"),
            f"{figures.active_cards:,}",
            now=figures.active_cards,
            before=figures.active_cards_before,
            values=[line.active_cards for line in lines],
        ),
    ]


def tile(name: str, figure: str, *, now: int, before: int, values: list[int], note: str = "") -> Tile:
    """Put a figure beside the one of the period before."""
    line, area = sparkline(values)
    if before <= 0:
        return Tile(name=name, figure=figure, compared="", tone="", line=line, area=area, note=note)
    percent = (now - before) * 100 / before
    sign = "+" if percent > 0 else "−" if percent < 0 else "±"
    return Tile(
        name=name,
        figure=figure,
        compared=f"{sign}{abs(percent):,.1f}%",
        tone="up" if percent > 0 else "down" if percent < 0 else "",
        line=line,
        area=area,
        note=note,
    )


def shown(table: Table) -> dict[str, Any]:
    """Give a table with each cell beside its column."""
    return {
        "code": table.code,
        "title": table.title,
        "columns": table.columns,
        "rows": [list(zip(table.columns, row, strict=True)) for row in table.rows],
        "total": list(zip(table.columns, table.total, strict=True)) if table.total else [],
    }


def amount(amount_minor: int, currency: str) -> str:
    """Write an amount."""
    return format_amount(Money(amount_minor, currency))


def list_groups(figures: Report) -> list[tuple[date, date, Flow]]:
    """Group the days for the chart: each by itself, or by weeks where there are many."""
    size = 1 if len(figures.days) <= DAYS_AS_BARS_MAX else 7
    parts = [figures.days[start : start + size] for start in range(0, len(figures.days), size)]
    return [(part[0].day, part[-1].day, sum((line.flow for line in part), Flow())) for part in parts]


def chart_of(
    groups: list[tuple[date, date, Flow]], currency: str, place: Mapping[str, int], *, labels_max: int
) -> dict[str, Any]:
    """Place the chart's bars and write its labels."""
    unit = 10 ** exponent_of(currency)
    values = [(flow.topped_up, flow.redeemed) for _first, _last, flow in groups]
    chart: Chart = grouped_bars(values, unit=unit, **place)
    every = -(-len(groups) // labels_max)
    return {
        "chart": chart,
        "groups": [
            {
                "place": band,
                "label": short_day(first) if number % every == 0 else "",
                "day": short_day(first) if first == last else f"{short_day(first)} – {short_day(last)}",
                "flow": flow,
            }
            for number, (band, (first, last, flow)) in enumerate(zip(chart.groups, groups, strict=True))
        ],
        "ticks": [(f"{value // unit:,}".replace("-", "−"), y) for value, y in chart.ticks],
    }


def short_day(day: date) -> str:
    """Write a day without its year."""
    return formats.date_format(day, "MONTH_DAY_FORMAT")
