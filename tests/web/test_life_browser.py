"""The card drawer in a real browser: by keys, by tap, on a phone, accessible in both languages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from prepaid.cards.models import Card
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import WAYS, Screen, assert_accessible, open_desk

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]
PHONE = {"width": 390, "height": 844}
ACTS = ("replace", "new-pin", "reassign", "move", "merge", "cash-out", "close")


@pytest.fixture
def screen(make_screen: Make, committed_db: None) -> Screen:
    """The counter of a manager, without a card."""
    return make_screen(open_desk(role="manager"))


def open_act(screen: Screen, act: str) -> None:
    screen.page.locator(f'a[href$="/life/{act}"]').click()
    expect(screen.page.locator("#life")).to_have_attribute("action", re.compile(f"/life/{act}$"))


def test_drawer_opens_and_closes_by_keys_and_gives_the_box_back(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)

    screen.page.keyboard.press("F2")
    expect(screen.page.locator("#drawer")).to_be_visible()
    expect(screen.page.locator("#drawer-title")).to_be_focused()
    screen.type("+5")
    expect(screen.page.locator("#q")).to_have_value("")
    screen.page.keyboard.press("Escape")

    expect(screen.page.locator("#drawer")).to_be_hidden()
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))
    expect(screen.page.locator("#q")).to_be_focused()


def test_a_move_is_looked_at_in_the_drawer_and_made_by_enter(screen: Screen) -> None:
    made, other = screen.desk.issue(balance=50_000), screen.desk.issue(balance=100, holder="Li Na")
    screen.open(made)
    screen.page.keyboard.press("F2")
    open_act(screen, "move")
    expect(screen.page.locator("#id_to")).to_be_focused()
    screen.type(other.number or "")
    screen.page.keyboard.press("Tab")
    screen.type("250")
    screen.page.keyboard.press("Tab")
    screen.enter("a gift")

    expect(screen.page.locator("#drawer .life-look")).to_contain_text("¥251.00")
    assert screen.desk.figures(made) == (50_000, 1)
    expect(screen.page.locator("#life button[type=submit]")).to_be_focused()
    screen.page.keyboard.press("Enter")

    expect(screen.page.locator("#notice")).to_contain_text("Moved ¥250.00")
    assert screen.balance() == 25_000
    assert screen.desk.figures(other) == (25_100, 2)
    assert other.number is not None
    assert other.number not in screen.page.url
    assert_ledger_is_clean()


def test_a_refusal_is_said_in_the_drawer(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    screen.page.keyboard.press("F2")
    open_act(screen, "cash-out")
    screen.page.locator("#id_amount").fill("500.01")
    screen.page.locator("#id_reason").fill("asked for")
    screen.page.locator("#life button[type=submit]").click()
    expect(screen.page.locator("#drawer .notice-bad")).to_contain_text("Not enough balance.")
    expect(screen.page.locator("#desk > .notice")).to_have_count(0)
    assert screen.desk.figures(made) == (50_000, 1)


def test_a_tap_names_the_other_card_and_the_new_one(screen: Screen) -> None:
    made, other = screen.desk.issue(balance=50_000), screen.desk.issue(holder="Li Na")
    screen.open(made)
    expect(screen.page.locator("#pill")).to_have_attribute("data-stream", "open")
    screen.page.keyboard.press("F2")
    open_act(screen, "merge")
    screen.desk.tap(other)
    expect(screen.page.locator("#tapped")).to_contain_text(f"•••• {other.card.last_four}")
    screen.page.locator("#id_reason").fill("one holder")
    screen.page.locator("#life button[type=submit]").click()
    expect(screen.page.locator(".life-look")).to_contain_text("Li Na")

    screen.page.locator(".life-back").click()
    open_act(screen, "replace")
    screen.desk.tap(None, lookup=os.urandom(32))
    expect(screen.page.locator("#reader")).to_have_text("New card on the reader: verified")
    screen.page.locator("#id_reason").fill("lost")
    screen.page.locator("#life button[type=submit]").click()
    expect(screen.page.locator("#pin")).to_be_visible()
    new = Card.objects.get(replaces=made.card)
    assert new.credentials.filter(method="sun").exists()
    assert screen.desk.figures(made) == (50_000, 1)


def test_an_act_sent_twice_is_made_once(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.goto(f"/cards/{made.card.id}/life/new-pin")
    posts: list[str] = []
    screen.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    screen.page.locator("#id_reason").fill("forgotten")
    screen.page.locator("#life button[type=submit]").dblclick()
    expect(screen.page.locator("#pin")).to_be_visible()
    assert len(posts) == 1
    screen.page.emulate_media(media="print")
    expect(screen.page.locator("#pin")).to_be_visible()
    expect(screen.page.locator(".top")).to_be_hidden()


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_the_drawer_is_accessible_in_every_state(
    make_screen: Make, committed_db: None, language: str, scheme: str
) -> None:
    desk = open_desk(role="manager")
    made, other = desk.issue(balance=50_000), desk.issue(holder="Li Na")
    screen = make_screen(desk, language=language, color_scheme=scheme, path=f"/counter/{made.card.id}")
    screen.page.locator("#card-life").click()
    expect(screen.page.locator("#drawer")).to_be_visible()
    assert_accessible(screen.page)
    for act in ACTS:
        open_act(screen, act)
        assert_accessible(screen.page)
        screen.page.locator(".life-back").click()
    open_act(screen, "merge")
    screen.page.locator("#life button[type=submit]").click()
    expect(screen.page.locator("[aria-invalid=true]")).not_to_have_count(0)
    assert_accessible(screen.page)
    screen.page.locator("#id_to").fill(other.number or "")
    screen.page.locator("#id_reason").fill("x")
    screen.page.locator("#life button[type=submit]").click()
    expect(screen.page.locator(".life-look")).to_be_visible()
    assert_accessible(screen.page)
    screen.goto(f"/cards/{made.card.id}/life/replace")
    screen.page.locator("#id_reason").fill("x")
    screen.page.locator("#life button[type=submit]").click()
    expect(screen.page.locator("#pin")).to_be_visible()
    assert_accessible(screen.page)
    screen.goto(f"/counter/{made.card.id}")
    assert_accessible(screen.page)


def test_a_cashier_s_drawer_is_accessible_too(make_screen: Make, committed_db: None) -> None:
    desk = open_desk()
    screen = make_screen(desk, path=f"/counter/{desk.issue(balance=100).card.id}")
    screen.page.locator("#card-life").click()
    expect(screen.page.locator(".life-act.is-shut")).to_have_count(7)
    assert_accessible(screen.page)


def test_the_drawer_fits_a_phone(make_screen: Make, committed_db: None) -> None:
    desk = open_desk(role="manager")
    made = desk.issue(balance=50_000)
    screen = make_screen(desk, viewport=PHONE, path=f"/counter/{made.card.id}")
    screen.page.locator("#card-life").click()
    expect(screen.page.locator("#drawer")).to_be_visible()
    for act in ACTS:
        open_act(screen, act)
        width = screen.page.evaluate("document.getElementById('drawer').scrollWidth")
        assert width <= PHONE["width"], act
        screen.page.locator(".life-back").click()
    for path in (f"/cards/{made.card.id}/life", f"/cards/{made.card.id}/life/move"):
        screen.goto(path)
        assert screen.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
