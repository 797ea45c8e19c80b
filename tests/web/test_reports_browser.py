"""The report and the exceptions as a manager sees them: accessible, on a phone too, asked by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from prepaid.settlement import runs
from prepaid.settlement.batches import close_batch
from prepaid.settlement.models import SettlementException
from terminals.messages import BatchClose, TypeTotal
from tests.databases import own_database
from tests.web.conftest import WAYS, Desk, Screen, assert_accessible, open_desk

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def manager(committed_db: None) -> Iterator[Desk]:
    """A manager of a store that took 1,000.00 and gave 36.50, with a batch that differs, in an empty site."""
    with own_database():
        desk = open_desk(role="manager", name="Wei Zhang")
        made = desk.issue(balance=100_000)
        desk.redeem_at_the_terminal(made, 3_650)
        told = BatchClose(
            first_sequence=1, last_sequence=3, totals={"redeem": TypeTotal(count=2, amount=4_650)}
        )
        close_batch(desk.shop.terminal, told, at=timezone.now())
        runs.begin("fold_outbox", worker="celery@shop", at=timezone.now())
        runs.succeed("fold_outbox", result="2 folded", at=timezone.now())
        runs.see_worker("celery@shop", at=timezone.now())
        yield desk


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_report_and_exceptions_are_accessible(
    manager: Desk, make_screen: Make, language: str, scheme: str
) -> None:
    screen = make_screen(manager, language=language, color_scheme=scheme, path="/office/reports")
    screen.page.locator("details.as-table summary").click()
    expect(screen.page.locator("#table-days")).to_be_visible()
    assert_accessible(screen.page)
    screen.goto("/office/reports?from=2026-11-24&to=2026-11-23")
    assert_accessible(screen.page)
    screen.goto("/office/exceptions")
    screen.page.locator("details.ask summary").first.click()
    assert_accessible(screen.page)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_fit_a_phone(manager: Desk, make_screen: Make, language: str) -> None:
    screen = make_screen(manager, language=language, path="/office/reports", **PHONE)
    expect(screen.page.locator(".chart-narrow")).to_be_visible()
    expect(screen.page.locator(".chart-wide")).to_be_hidden()
    for path in ("/office/reports", "/office/exceptions"):
        screen.goto(path)
        assert screen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_chart_tells_each_day_in_words_and_draws_what_happened(manager: Desk, make_screen: Make) -> None:
    screen = make_screen(manager, path="/office/reports?days=7")
    groups = screen.page.locator(".chart-wide .chart-group")

    expect(groups).to_have_count(7)
    said = groups.locator("title").all_text_contents()
    assert sum("Top-ups ¥1,000.00 · Redemptions ¥36.50" in each for each in said) == 1
    heights = screen.page.locator(".chart-wide rect.chart-1").evaluate_all(
        "bars => bars.map(bar => Number(bar.getAttribute('height'))).filter(height => height > 0)"
    )
    assert len(heights) == 1


def test_store_and_dates_are_asked_by_hand_and_files_are_downloaded(
    manager: Desk, make_screen: Make, tmp_path: Path
) -> None:
    screen = make_screen(manager, path="/office/reports")
    page = screen.page
    page.get_by_label("Store", exact=True).select_option(manager.shop.store.code)
    page.get_by_label("From", exact=True).fill("2026-10-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".page-head p")).to_contain_text("1 Oct 2026")
    expect(page.locator("#table-stores tbody tr")).to_have_count(1)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV by day", exact=True).click()
    assert download.value.suggested_filename.startswith("days-2026-10-01-")
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel").click()
    download.value.save_as(tmp_path / "report.xlsx")
    assert (tmp_path / "report.xlsx").read_bytes().startswith(b"PK")

    page.get_by_role("link", name="7 days").click()
    expect(page.locator(".segments [aria-current]")).to_have_text("7 days")
    assert f"store={manager.shop.store.code}" in page.url


def test_redeem_shows_on_the_report_at_once(manager: Desk, make_screen: Make) -> None:
    screen = make_screen(manager, path="/office/reports")
    figures = screen.page.locator(".tile-figure")
    expect(figures).to_have_text(["¥1,000.00", "¥36.50", "¥963.50", "1"])

    made = manager.issue(balance=10_000)
    manager.redeem_at_the_terminal(made, 1_250)
    screen.page.reload()

    expect(figures).to_have_text(["¥1,100.00", "¥49.00", "¥1,051.00", "2"])


def test_exception_is_resolved_with_a_reason_and_says_so(manager: Desk, make_screen: Make) -> None:
    screen = make_screen(manager, path="/office/exceptions")
    page = screen.page
    first = page.locator(".finding").first
    expect(first).to_contain_text("Redeem: the terminal says 2 (¥46.50), the site 1 (¥36.50).")
    first.locator("summary").click()
    first.get_by_label("What was found and done").fill("The receipt was found in the drawer.")
    first.locator("form button").click()

    expect(page.locator(".finding")).to_have_count(1)
    resolved = SettlementException.objects.get(resolved_at__isnull=False)
    assert (resolved.resolved_by, resolved.note) == (
        manager.staff.code,
        "The receipt was found in the drawer.",
    )


def test_exceptions_and_jobs_are_said_in_chinese(manager: Desk, make_screen: Make) -> None:
    page = make_screen(manager, language="zh-hans", path="/office/exceptions").page

    expect(page.locator(".finding").first).to_contain_text("消费：终端报 2 (¥46.50)，系统记 1 (¥36.50)。")
    expect(page.locator("#jobs tbody tr", has_text="日汇总")).to_have_count(1)
    expect(page.locator("#jobs tbody tr").first).to_contain_text("尚未运行")


def test_silent_worker_is_said_aloud(manager: Desk, make_screen: Make) -> None:
    runs.see_worker("celery@shop", at=timezone.now() - timedelta(minutes=3))
    page = make_screen(manager, path="/office/exceptions").page

    expect(page.get_by_role("alert")).to_contain_text("No worker has been heard of")
    expect(page.locator(".workers")).to_contain_text("Silent")
    assert_accessible(page)
