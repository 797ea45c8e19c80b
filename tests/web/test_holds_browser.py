"""Holds, refunds and bonus at the counter, in a real browser."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from prepaid.ledger.models import LedgerAccount
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import Desk, Screen

pytestmark = pytest.mark.browser


def offer(desk: Desk, pay: int, bonus: int, **terms: object) -> None:
    desk.shop.at = timezone.now()
    desk.shop.offer(pay, bonus, **terms)


@pytest.mark.parametrize("instalments", [1, 4])
def test_balance_after_is_the_balance_that_the_top_up_leaves(screen: Screen, instalments: int) -> None:
    offer(screen.desk, 50_000, 5_000, instalments=instalments)
    made = screen.desk.issue(balance=10_000)
    screen.open(made)

    screen.enter("+500")
    screen.armed("load")
    after = screen.page.locator("#after").get_attribute("data-minor")
    bonus = screen.page.locator("#bonus").get_attribute("data-minor")
    screen.enter()

    expect(screen.page.locator("#notice")).to_contain_text("Top-up done ¥500.00")
    assert bonus == str(5_000 // instalments)
    assert screen.balance() == int(after or 0) == 60_000 + 5_000 // instalments
    assert screen.desk.figures(made)[0] == int(after or 0)
    expect(screen.page.locator("#notice")).to_contain_text("Bonus +¥")
    expect(screen.page.locator(".facts")).to_contain_text("Bonus within it")
    expect(screen.page.get_by_text("Bonus to come")).to_have_count(int(instalments > 1))
    screen.page.emulate_media(media="print")
    expect(screen.page.locator(".slip")).to_contain_text("Bonus")
    assert_ledger_is_clean()


def test_top_up_below_the_offer_shows_no_bonus(screen: Screen) -> None:
    offer(screen.desk, 50_000, 5_000)
    screen.open(screen.desk.issue())
    screen.enter("+499.99")
    screen.armed("load")
    expect(screen.page.locator("#bonus")).to_have_count(0)


def test_hold_is_placed_captured_in_part_and_listed(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.open(made)
    screen.enter("/200")
    screen.armed("hold")
    expect(screen.page.locator("#say")).to_contain_text("Enter = hold ¥200.00")
    expect(screen.page.locator("#after")).to_have_attribute("data-minor", "30000")
    expect(screen.page.locator(".for-hold").last).to_contain_text("Held until")
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Held ¥200.00")
    expect(screen.page.locator("tr.is-new")).to_contain_text("until")

    screen.page.locator("button[name=capture]").click()
    screen.armed("capture")
    expect(screen.page.locator("#go")).to_contain_text("Capture ¥200.00")
    for key in "180":
        screen.page.locator(f'[data-key="{key}"]').click()
    expect(screen.page.locator("#q")).to_have_value("180")
    expect(screen.page.locator("#go")).to_contain_text("Capture ¥180.00")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#say")).to_contain_text("Enter = capture ¥180.00")
    screen.armed("capture")
    screen.enter()

    expect(screen.page.locator("#notice")).to_contain_text("Captured ¥180.00")
    expect(screen.page.locator("button[name=capture]")).to_have_count(0)
    expect(screen.page.locator(".history")).to_contain_text("captured")
    account = LedgerAccount.objects.get(pk=made.card.account_id)
    assert (account.balance, account.held) == (32_000, 0)
    assert_ledger_is_clean()


def test_hold_is_released(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.open(made)
    screen.page.locator(".mode-hold").click()
    screen.page.locator('.for-hold[data-amount="300"]').click()
    screen.armed("hold")
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Held ¥300.00")
    screen.page.locator("button[name=release]").click()
    screen.armed("release")
    expect(screen.page.locator("#after")).to_have_attribute("data-minor", "50000")
    screen.enter()

    expect(screen.page.locator("#notice")).to_contain_text("Hold released ¥300.00")
    account = LedgerAccount.objects.get(pk=made.card.account_id)
    assert (account.balance, account.held) == (50_000, 0)
    assert_ledger_is_clean()


def test_refund_is_typed_then_its_purchase_chosen(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.redeem_at_the_terminal(made, 3_650)
    screen.enter("*18")
    expect(screen.page.locator("#notice")).to_contain_text("Choose the purchase to refund ¥18.00 of.")
    expect(screen.page.locator("button[name=refund].is-wanted")).to_have_count(1)
    screen.page.locator("button[name=refund]").click()
    screen.armed("refund")
    expect(screen.page.locator("tr.is-voiding")).to_contain_text("−¥36.50")
    expect(screen.page.locator("#after")).to_have_attribute("data-minor", "48150")
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Refunded ¥18.00")

    screen.page.locator("button[name=refund]").click()
    screen.armed("refund")
    expect(screen.page.locator("#say")).to_contain_text("Enter = refund ¥18.50")
    screen.enter("*18.51")
    expect(screen.page.locator("#notice")).to_contain_text("More than is left of the original.")
    assert screen.desk.figures(made) == (48_150, 3)
    assert_ledger_is_clean()


def test_what_is_refunded_whole_is_no_longer_offered(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.redeem_at_the_terminal(made, 3_650)
    screen.page.locator("button[name=refund]").click()
    screen.armed("refund")
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Refunded ¥36.50")
    expect(screen.page.locator("button[name=refund]")).to_have_count(0)
    assert screen.desk.figures(made) == (50_000, 3)


def test_escape_leaves_a_chosen_purchase_alone(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.redeem_at_the_terminal(made, 3_650)
    screen.page.locator("button[name=refund]").click()
    screen.armed("refund")
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "")
    expect(screen.page.locator(".mode-load")).to_be_visible()
    assert screen.desk.figures(made) == (46_350, 2)


def test_other_sign_while_a_purchase_is_chosen_arms_what_it_says(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000, actor="another")
    screen.redeem_at_the_terminal(made, 3_650)
    screen.page.locator("button[name=refund]").click()
    screen.armed("refund")
    screen.enter("+100")
    screen.armed("load")
    expect(screen.page.locator("#go")).to_contain_text("Top up ¥100.00")
    assert screen.desk.figures(made) == (46_350, 2)
