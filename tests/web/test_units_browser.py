"""Cards that count visits, at the counter in a real browser: in words, typed whole, sold at their price."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from prepaid.money import MINUTES, VISITS
from prepaid.stored_value.issue import IssuedCard
from tests.shop import HeldCard, assert_ledger_is_clean
from tests.web.conftest import Desk, Screen, assert_accessible

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]


@pytest.fixture
def pool(open_shop_desk: Desk) -> Desk:
    """A cashier whose shop sells visits at 30.00 each."""
    program = open_shop_desk.shop.program
    program.name, program.name_zh = "Swim pass", "游泳次卡"
    program.currency, program.unit_price = VISITS, 3_000
    program.save()
    return open_shop_desk


def pass_for(desk: Desk, visits: int) -> IssuedCard:
    made = desk.issue()
    held = HeldCard(card=made.card, credential=made.card.credentials.get(method="number"))
    assert desk.shop.load_at_desk(held, visits, origin=desk.shop.counter, sequence=None).approved
    return made


def test_a_visit_is_redeemed_and_undone(make_screen: Make, pool: Desk) -> None:
    made = pass_for(pool, 10)
    screen = make_screen(pool)
    screen.open(made)
    expect(screen.page.locator("#balance")).to_have_text("10 visits")

    screen.type("-1")
    expect(screen.page.locator("#amount")).to_have_text("1 visit")
    expect(screen.page.locator("#go")).to_contain_text("Redeem 1 visit")
    screen.enter()
    screen.armed("redeem")
    expect(screen.page.locator("#say")).to_contain_text("Enter = redeem 1 visit")
    expect(screen.page.locator("#after")).to_have_text("9 visits")
    assert_accessible(screen.page)
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Redeemed 1 visit")
    expect(screen.page.locator("tr.is-new")).to_contain_text("−1 visit")

    screen.page.locator("button[name=void]").first.click()
    screen.armed("void")
    screen.enter()
    expect(screen.page.locator("tr.is-undone")).to_have_count(1)
    assert pool.figures(made) == (10, 3)
    assert_ledger_is_clean()


def test_visits_are_sold_at_their_price(make_screen: Make, pool: Desk) -> None:
    made = pass_for(pool, 1)
    screen = make_screen(pool)
    screen.open(made)
    expect(screen.page.locator("#balance")).to_have_text("1 visit")
    expect(screen.page.locator("#price")).to_have_text("¥30.00 a visit")

    screen.enter("+10")
    screen.armed("load")
    expect(screen.page.locator("#price")).to_have_text("¥300.00")
    assert_accessible(screen.page)
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Top-up done 10 visits")
    expect(screen.page.locator(".slip")).to_contain_text("¥300.00")
    assert pool.figures(made) == (11, 2)


def test_part_of_a_visit_is_refused_with_a_sentence(make_screen: Make, pool: Desk) -> None:
    made = pass_for(pool, 10)
    screen = make_screen(pool)
    screen.open(made)
    expect(screen.page.locator('[data-key="."]')).to_be_disabled()

    screen.enter("-1.5")

    expect(screen.page.locator("#notice")).to_contain_text("This card counts whole units")
    assert pool.figures(made) == (10, 1)


@pytest.mark.parametrize("width", [1440, 390])
def test_visits_read_in_chinese_and_fit(make_screen: Make, pool: Desk, width: int) -> None:
    made = pass_for(pool, 10)
    screen = make_screen(pool, language="zh-hans", viewport={"width": width, "height": 900})
    screen.open(made)
    expect(screen.page.locator("#balance")).to_have_text("10 次")

    screen.enter("-2")
    screen.armed("redeem")

    expect(screen.page.locator("#after")).to_have_text("8 次")
    assert_accessible(screen.page)
    expect(screen.page.locator(".card-words h1")).to_be_visible()
    assert screen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_card_of_minutes_is_issued_beside_those_of_money(make_screen: Make, pool: Desk) -> None:
    pool.shop.program.currency, pool.shop.program.unit_price = MINUTES, 50
    pool.shop.program.save()
    screen = make_screen(pool, path="/cards/new")
    screen.page.locator("#id_program").select_option(pool.shop.program.code)
    screen.page.locator("#id_amount").fill("60")

    screen.page.locator("#issue button[type=submit]").click()

    expect(screen.page.locator("body")).to_contain_text("60 min, paid ¥30.00")
    assert_accessible(screen.page)
    assert_ledger_is_clean()
