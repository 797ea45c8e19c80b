"""Taps at the paired terminal reach the open counter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Screen

pytestmark = pytest.mark.browser
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def connected(screen: Screen, state: str = "open") -> None:
    expect(screen.page.locator("#pill")).to_have_attribute("data-stream", state)


def test_a_tap_opens_the_card(screen: Screen) -> None:
    made = screen.desk.issue(balance=5_000)
    connected(screen)
    screen.desk.tap(made)
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))
    assert screen.page.url.endswith(f"/counter/{made.card.id}")
    other = screen.desk.issue()
    screen.desk.tap(other)
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(other.card.id))


def test_a_redeem_at_the_terminal_appears_on_the_open_card(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    connected(screen)
    screen.desk.redeem_at_the_terminal(made, 3_650)
    expect(screen.page.locator("#balance")).to_have_attribute("data-minor", "46350")
    expect(screen.page.locator(".history tbody tr").first).to_contain_text("−¥36.50")
    expect(screen.page.locator(".history tbody tr").first).to_contain_text("T1")


def test_a_tap_does_not_throw_away_what_is_typed(screen: Screen) -> None:
    made, other = screen.desk.issue(), screen.desk.issue()
    screen.open(made)
    connected(screen)
    screen.type("+5")
    screen.desk.tap(other)
    expect(screen.page.locator("#say")).to_contain_text(f"•••• {other.card.last_four} tapped")
    expect(screen.page.locator("#q")).to_have_value("+5")
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#q")).to_have_value("+5")
    screen.enter()
    screen.armed("load")
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))


def test_a_tap_does_not_disarm_and_enter_switches(screen: Screen) -> None:
    made, other = screen.desk.issue(), screen.desk.issue()
    screen.open(made)
    connected(screen)
    screen.enter("+100")
    screen.armed("load")
    screen.desk.tap(other)
    expect(screen.page.locator("#say")).to_contain_text("Esc = stay")
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#say")).to_contain_text("Enter = top up ¥100.00")
    screen.desk.tap(other)
    expect(screen.page.locator("#say")).to_contain_text("Esc = stay")
    screen.enter()
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(other.card.id))
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "")
    assert screen.desk.figures(made) == screen.desk.figures(other) == (0, 0)


def test_an_armed_action_gets_new_figures_when_the_card_moves_elsewhere(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    connected(screen)
    screen.enter("-100")
    screen.armed("redeem")
    expect(screen.page.locator("#after")).to_have_attribute("data-minor", "40000")
    screen.desk.redeem_at_the_terminal(made, 3_650)
    expect(screen.page.locator("#after")).to_have_attribute("data-minor", "36350")
    screen.armed("redeem")
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Redeemed ¥100.00")
    assert screen.desk.figures(made) == (36_350, 3)


def test_a_new_card_is_offered_for_issue(screen: Screen) -> None:
    connected(screen)
    tap = screen.desk.tap(None)
    notice = screen.page.locator("#desk > .notice")
    expect(notice).to_contain_text("A new card lies on the reader.")
    notice.get_by_role("link").click()
    screen.page.wait_for_url(f"**/cards/new?tap={tap.id}")
    expect(screen.page.locator("#reader")).to_have_text("New card on the reader: verified")
    screen.page.get_by_role("button", name="Issue the card").click()
    expect(screen.page.locator("#number")).to_be_visible()


def test_issuing_waits_for_the_tap(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(path="/cards/new")
    connected(screen)
    screen.desk.tap(screen.desk.issue())
    expect(screen.page.locator("#reader")).to_contain_text("issued already")
    screen.desk.tap(None, method="uid")
    expect(screen.page.locator("#reader")).to_contain_text("cannot prove itself")
    screen.desk.tap(None)
    expect(screen.page.locator("#reader")).to_have_text("New card on the reader: verified")
    screen.page.locator("#id_holder_name").fill("Li Wei")
    screen.page.locator("#id_amount").fill("100")
    screen.page.get_by_role("button", name="Issue the card").click()
    expect(screen.page.locator(".notice").first).to_contain_text("¥100.00")
    screen.page.get_by_role("link", name="Open at the counter").click()
    assert screen.balance() == 10_000


def test_the_stream_is_closed_while_the_page_is_hidden(screen: Screen) -> None:
    made = screen.desk.issue()
    connected(screen)
    screen.page.evaluate(HIDE, True)
    connected(screen, "closed")
    screen.desk.tap(made)
    screen.page.evaluate(HIDE, False)
    connected(screen)
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))


def test_a_cut_stream_is_polled(make_screen: Callable[..., Screen]) -> None:
    screen = make_screen(path=None)
    screen.expected = ("ERR_FAILED",)
    screen.page.route("**/counter/taps?*", lambda route: route.abort())
    screen.goto()
    connected(screen, "polling")
    made = screen.desk.issue()
    screen.desk.tap(made)
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))
