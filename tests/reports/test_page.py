"""The report page and its files say the same, to managers alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django.plugin import DjangoDbBlocker

from prepaid.ledger.models import LedgerAccount
from prepaid.reports.exports import safe
from prepaid.stores.models import Store
from tests.databases import own_database
from tests.web.conftest import Desk, open_desk

pytestmark = pytest.mark.usefixtures("committed_db")


class Tables(HTMLParser):
    """The cells of each table of a page, by the table's id."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.table = ""
        self.is_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.table = dict(attrs).get("id") or ""
            self.rows[self.table] = []
        elif tag == "tr":
            self.rows[self.table].append([])
        elif tag in ("td", "th"):
            self.is_cell = True
            self.rows[self.table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.is_cell = False

    def handle_data(self, data: str) -> None:
        if self.is_cell:
            self.rows[self.table][-1][-1] += data


@pytest.fixture(scope="module")
def manager(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Desk]:
    """The manager of an empty site with some trade, which the tests of this module only read."""
    with django_db_blocker.unblock(), own_database():
        yield trade()


def trade() -> Desk:
    """Make two stores with one card each, the second store named like a formula; give the first's manager."""
    desk = open_desk(role="manager")
    made = desk.issue(balance=100_000)
    desk.redeem_at_the_terminal(made, 3_650)
    undone = desk.redeem_at_the_terminal(made, 1_000)
    assert desk.shop.void(undone, occurred_at=timezone.now(), recorded_at=timezone.now()).approved
    other = open_desk(role="manager")
    Store.objects.filter(id=other.shop.store.id).update(name="=Old Town")
    other.issue(balance=250)
    return desk


def get(desk: Desk, address: str = "/office/reports", **asked: str) -> Any:
    return desk.client().get(address, asked)


def tables_of(answer: Any) -> dict[str, list[list[str]]]:
    parser = Tables()
    parser.feed(answer.content.decode())
    return parser.rows


def plain(text: str) -> str:
    return text.replace("¥", "").replace(",", "").replace("−", "-")


def csv_of(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def test_page_shows_the_figures(manager: Desk) -> None:
    answer = get(manager)

    tiles = re.findall(r'<dd class="tile-figure">(.*?)</dd>', answer.content.decode())
    assert tiles == ["¥1,002.50", "¥36.50", "¥966.00", "2"]
    assert [row for row in tables_of(answer)["table-stores"] if row[0] == "Riverside"] == [
        ["Riverside", "1", "¥1,000.00", "¥0.00", "1", "¥36.50", *["¥0.00"] * 4, "1"]
    ]


def test_csv_by_day_is_the_table_of_the_page(manager: Desk) -> None:
    page = tables_of(get(manager))["table-days"]
    answer = get(manager, "/office/reports/days.csv")
    rows = csv_of(answer)

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert [re.sub(r" \(CNY\)$", "", head) for head in rows[0]] == page[0]
    assert len(rows) == 31
    for told, shown in zip(rows[1:], page[1:-1], strict=True):
        assert told[1:] == [plain(cell) for cell in shown[1:]]
        assert date.fromisoformat(told[0]) == datetime.strptime(shown[0], "%d %b %Y").date()  # noqa: DTZ007


def test_csv_by_day_and_store_adds_up_to_the_page_and_is_safe_from_formulas(manager: Desk) -> None:
    shown = {row[0]: row for row in tables_of(get(manager))["table-stores"][1:]}
    rows = csv_of(get(manager, "/office/reports/days-and-stores.csv"))

    assert {row[1] for row in rows[1:]} == {"Riverside", "'=Old Town"}
    for row in rows[1:]:
        assert row[2:] == [plain(cell) for cell in shown[row[1].lstrip("'")][1:-1]]


def test_workbook_holds_the_tables_of_the_page(manager: Desk) -> None:
    page = tables_of(get(manager))
    answer = get(manager, "/office/reports/report.xlsx")
    book = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))

    assert book.sheetnames == ["By day", "By store", "By day and store"]
    assert 'filename="report-' in answer["Content-Disposition"]
    for sheet, code in (("By day", "table-days"), ("By store", "table-stores")):
        rows = list(book[sheet].values)
        assert len(rows) == len(page[code])
        for told, shown in zip(rows[1:], page[code][1:], strict=True):
            assert [float(plain(cell)) for cell in shown[1:]] == [float(str(cell)) for cell in told[1:]]
    days = book["By day"]
    assert isinstance(days["A2"].value, datetime)
    assert days["B2"].number_format == "#,##0.00"
    assert {cell.data_type for cell in book["By store"]["A"]} == {"s"}


def test_posting_shows_at_once(own_db: str) -> None:
    manager = trade()
    made = manager.issue(balance=10_000)
    before = sum(LedgerAccount.objects.values_list("balance", flat=True))
    manager.redeem_at_the_terminal(made, 1)

    answer = get(manager)

    assert answer.context["report"].liability == before - 1


def test_one_store_is_shown_alone(manager: Desk) -> None:
    answer = get(manager, store=manager.shop.store.code)

    assert [row[0] for row in tables_of(answer)["table-stores"]] == ["Store", "Riverside", "Total"]
    assert tables_of(answer)["table-days"][0][-2:] == ["Change of liability", "Active cards"]
    rows = csv_of(get(manager, "/office/reports/days.csv", store=manager.shop.store.code))
    assert rows[-1][1:] == [plain(cell) for cell in tables_of(answer)["table-days"][-2][1:]]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"from": "2026-11-24", "to": "2026-11-23"}, "The first day is after the last."),
        ({"from": "2025-01-01", "to": "2026-11-23"}, "A report covers at most 366 days."),
        ({"from": "2026-11-24"}, "Give both days."),
        ({"from": "yesterday", "to": "today"}, "Give both days."),
    ],
)
def test_dates_that_are_no_period_get_a_sentence_and_the_last_30_days(
    manager: Desk, asked: dict[str, str], said: str
) -> None:
    answer = get(manager, **asked)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert answer.context["report"].period.days_count == 30


@pytest.mark.parametrize("asked", [{"days": "0"}, {"days": "x"}, {"store": "NONE"}, {"currency": "<b>"}])
def test_odd_questions_get_the_ordinary_page(manager: Desk, asked: dict[str, str]) -> None:
    answer = get(manager, **asked)
    assert answer.status_code == 200
    assert answer.context["report"].period.days_count == 30
    assert answer.context["report"].currency == "CNY"


@pytest.mark.parametrize("days", [7, 30, 90])
def test_preset_covers_its_days_up_to_today(manager: Desk, days: int) -> None:
    period = get(manager, days=str(days)).context["report"].period
    assert period.days_count == days
    assert period.last - timezone.now().date() <= timedelta(days=1)


def test_year_is_drawn_by_weeks_and_told_by_days(manager: Desk) -> None:
    answer = get(manager, **{"from": "2025-11-24", "to": "2026-11-24"})

    assert len(answer.context["charts"][0]["groups"]) == 53
    assert len(tables_of(answer)["table-days"]) == 366 + 2


def test_unknown_file_is_not_found(manager: Desk) -> None:
    assert get(manager, "/office/reports/everything.csv").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/office/reports",
        "/office/reports/days.csv",
        "/office/reports/report.xlsx",
        "/office/exceptions",
        "/office/terminals",
    ],
)
def test_office_is_for_managers(address: str, manager: Desk) -> None:
    cashier = open_desk()

    assert cashier.client().get(address).status_code == 403
    answer = Client().get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_text_that_begins_like_a_formula_is_made_safe(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert safe(f"a{text}") == f"a{text}"
