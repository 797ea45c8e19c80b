"""Asking and deciding in a real browser: in the drawer by keys, on a phone, accessible in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from prepaid.cards.models import Program
from prepaid.stored_value.approvals.models import Approval
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import DESK, WAYS, Desk, Screen, assert_accessible, assert_fits, open_desk
from tests.web.test_approvals import ask, colleague, decide

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def asker(committed_db: None) -> Desk:
    """A manager of a shop where 100.00 is done alone."""
    desk = open_desk(role="manager")
    Program.objects.filter(pk=desk.shop.program.pk).update(adjust_alone_max=10_000)
    return desk


def test_a_correction_is_asked_for_in_the_drawer_and_decided_by_another(
    make_screen: Make, asker: Desk
) -> None:
    made = asker.issue(balance=50_000)
    screen, second = make_screen(asker), make_screen(colleague(asker), path=None)
    screen.open(made)
    screen.page.keyboard.press("F2")
    screen.page.locator('a[href$="/asking/adjust"]').click()
    expect(screen.page.locator("#drawer .life-need")).to_contain_text("Up to ¥100.00 you do this alone")
    screen.page.locator("#id_amount").fill("250")
    screen.page.locator("#id_reason").fill("typed 50 instead of 300")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#drawer .notice")).to_contain_text("This needs a second person.")
    expect(screen.page.locator("#drawer .life-look")).to_contain_text("¥750.00")
    expect(screen.page.locator("#life button[type=submit]")).to_be_focused()
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator(".notice").first).to_contain_text("Nothing has changed yet")
    assert asker.figures(made) == (50_000, 1)

    second.goto("/office/approvals")
    mine = second.page.locator(f"#approval-{Approval.objects.get(card_id=made.card.id).id}")
    expect(mine).to_contain_text("typed 50 instead of 300")
    mine.get_by_role("button", name="Approve and carry out").click()
    expect(second.page.locator(".notice-good")).to_contain_text("Approved and carried out.")

    assert asker.figures(made) == (75_000, 2)
    assert_ledger_is_clean()


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_every_step_is_accessible_and_fits(
    make_screen: Make, asker: Desk, language: str, scheme: str
) -> None:
    made, second = asker.issue(balance=50_000), colleague(asker)
    ask(second, made, "refund", amount="30")
    decide(second, "refuse", "no slip")
    ask(second, made, "refund", amount="30")
    ask(asker, made, "adjust", direction="up", lots="bonus", amount="150")
    screen = make_screen(asker, language=language, color_scheme=scheme, path=None)

    def look_at_it() -> None:
        for size in (DESK, PHONE):
            assert_fits(screen.page, size["width"], height=size["height"])
            assert_accessible(screen.page)

    for path in ("/office/approvals", "/office/approvals?show=decided", "/office/returns/rules/change"):
        screen.goto(path)
        look_at_it()
    screen.goto(f"/cards/{made.card.id}/life")
    look_at_it()
    for code in ("adjust", "refund", "limit"):
        screen.goto(f"/cards/{made.card.id}/asking/{code}")
        look_at_it()
        screen.page.locator("#id_amount").fill("200")
        screen.page.locator("#id_reason").fill("asked for")
        screen.page.locator("#life button[type=submit]").click()
        expect(screen.page.locator(".life-look")).to_be_visible()
        look_at_it()
