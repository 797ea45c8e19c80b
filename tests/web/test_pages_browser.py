"""Every page: accessible in both languages, light and dark; paper; what a printed code says."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import zxingcpp
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from prepaid.cards.offers import end_offer
from prepaid.settlement.exceptions import Finding, record
from tests.web.conftest import WAYS, Screen, assert_accessible, assert_fits, open_desk

pytestmark = [pytest.mark.browser, pytest.mark.long]
Make = Callable[..., Screen]
PATHS = (
    "/cards",
    "/cards/new",
    "/till",
    "/office/terminals",
    "/office/terminals/offline",
    "/office/exceptions",
    "/office/approvals",
    "/office/programs",
    "/office/offers",
    "/office/offers/new",
)


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_the_counter_is_accessible_in_every_state(make_screen: Make, language: str, scheme: str) -> None:
    screen = make_screen(language=language, color_scheme=scheme)
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.desk.redeem_at_the_terminal(made, 100)
    screen.goto()
    assert_accessible(screen.page)
    screen.open(made)
    assert_accessible(screen.page)
    for text, kind in (("+100", "load"), ("-36.5", "redeem"), ("/10", "hold")):
        screen.enter(text)
        screen.armed(kind)
        assert_accessible(screen.page)
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#notice")).to_be_visible()
    assert_accessible(screen.page)
    for kind in ("capture", "release", "refund", "void"):
        screen.page.locator(f"button[name={kind}]").first.click()
        screen.armed(kind)
        assert_accessible(screen.page)
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("tr.is-undone")).to_have_count(1)
    screen.enter("-9999")
    expect(screen.page.locator("#notice")).to_have_attribute("role", "alert")
    assert_accessible(screen.page)
    screen.page.locator("details.ask summary").first.click()
    expect(screen.page.locator("#reason-block")).to_be_focused()
    assert_accessible(screen.page)


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_the_other_pages_are_accessible(
    make_screen: Make, committed_db: None, language: str, scheme: str
) -> None:
    desk = open_desk(role="manager")
    made = desk.issue(balance=50_000)
    spent = desk.load(made, 100)
    finding = Finding(kind="batch_difference", subject="batch", key=str(spent), found="1 of 2")
    record([finding], at=timezone.now())
    desk.shop.at = timezone.now()
    desk.shop.offer(50_000, 5_000)
    end_offer(desk.shop.offer(100, 10).id, actor="op-1", at=timezone.now())
    screen = make_screen(desk, language=language, color_scheme=scheme, path=None)
    for path in (*PATHS, f"/receipts/{spent}", f"/cards/{made.card.id}/chip"):
        screen.goto(path)
        assert_accessible(screen.page)
    screen.goto("/cards/new")
    screen.page.locator("#id_amount").fill("100")
    screen.page.locator("#issue button[type=submit]").click()
    expect(screen.page.locator("#number")).to_be_visible()
    assert_accessible(screen.page)
    screen.page.context.clear_cookies(name="sessionid")
    screen.goto("/login")
    assert_accessible(screen.page)


def test_no_page_scrolls_sideways(make_screen: Make, committed_db: None) -> None:
    desk = open_desk(role="manager")
    desk.issue(balance=50_000)
    desk.shop.offer(50_000, 5_000, instalments=12, tier="gold")
    screen = make_screen(desk, path=None)
    for path in ("/counter", *PATHS):
        screen.goto(path)
        assert_fits(screen.page, 390, 1024)


def test_the_slip_of_a_new_card_opens_it_by_its_code(make_screen: Make) -> None:
    screen = make_screen(path="/cards/new", device_scale_factor=2)
    screen.page.locator("#id_holder_name").fill("Li Wei")
    screen.page.locator("#id_amount").fill("250")
    screen.page.locator("#issue button[type=submit]").click()
    expect(screen.page.locator("#pin")).to_be_visible()
    drawn = Image.open(io.BytesIO(screen.page.locator("#code").screenshot(animations="allow")))
    screen.complaints.clear()
    codes = zxingcpp.read_barcodes(drawn)
    assert len(codes) == 1
    screen.goto()
    screen.enter(codes[0].text)
    expect(screen.page.locator("#card h1")).to_have_text("Li Wei")
    assert screen.balance() == 25_000


def test_a_form_sent_twice_issues_one_card(make_screen: Make) -> None:
    screen = make_screen(path="/cards/new")
    posts: list[str] = []
    screen.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    screen.page.locator("#issue button[type=submit]").dblclick()
    expect(screen.page.locator("#number")).to_be_visible()
    assert len(posts) == 1


def test_a_receipt_fits_its_paper(make_screen: Make) -> None:
    screen = make_screen(path=None)
    made = screen.desk.issue()
    screen.goto(f"/receipts/{screen.desk.load(made, 5_000)}")
    screen.page.emulate_media(media="print")
    slip = screen.page.locator(".slip").bounding_box()
    assert slip is not None
    assert round(slip["width"] / 96 * 25.4) == 80
    assert slip["x"] == 0
    expect(screen.page.locator(".top")).to_be_hidden()
    screen.page.emulate_media(media="screen")
    screen.page.evaluate("window.print = () => { window.printed = true }")
    screen.page.get_by_role("button", name="Print receipt").click()
    assert screen.page.evaluate("window.printed")


def test_the_language_is_switched_where_one_stands(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.page.get_by_role("button", name="中文").click()
    expect(screen.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))
    screen.page.get_by_role("button", name="English").click()
    expect(screen.page.locator("html")).to_have_attribute("lang", "en")
