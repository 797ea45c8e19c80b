"""Card returns, rules and identities in a real browser: accessible, silent, no wider than the screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from prepaid.cards.models import Account, Program, RuleSet
from prepaid.stored_value.issue import IssuedCard
from prepaid.stored_value.quotes.choices import find_choice
from tests.shop import HeldCard
from tests.stored_value.gifts import load_with_gift
from tests.stored_value.rule_sets import identified
from tests.web.conftest import WAYS, Desk, Screen, assert_accessible, assert_fits, open_desk

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]


@pytest.fixture
def worked(committed_db: None) -> tuple[Desk, IssuedCard]:
    """The worked case: 3,000 paid with a gift of 1,000 two months ago, of which 3,594 were spent."""
    desk = open_desk(role="manager")
    Program.objects.filter(pk=desk.shop.program.pk).update(
        rule_set=RuleSet.objects.get(code="cn_beijing_registered"), scope_store_ids=[desk.shop.store.id]
    )
    desk.shop.program.refresh_from_db()
    made = desk.issue()
    Account.objects.filter(pk=made.card.account_id).update(holder=identified())
    held = HeldCard(card=made.card, credential=made.card.credentials.all()[0])
    long_ago = made.card.issued_at - timedelta(days=60)
    load_with_gift(desk.shop, held, 300_000, 100_000, recorded_at=long_ago)
    desk.redeem_at_the_terminal(made, 359_400)
    return desk, made


@pytest.mark.parametrize(("language", "scheme"), WAYS)
def test_the_pages_are_accessible(
    make_screen: Make, worked: tuple[Desk, IssuedCard], language: str, scheme: str
) -> None:
    desk, made = worked
    screen = make_screen(desk, language=language, color_scheme=scheme, path=None)
    for path in (
        "/office/returns",
        "/office/returns/rules",
        f"/office/returns/{made.card.id}",
        f"/cards/{made.card.id}/identity",
        f"/cards/{desk.issue().card.id}/identity",
        "/cards/new",
    ):
        screen.goto(path)
        for more in screen.page.locator("details.more").all():
            more.locator("summary").first.click()
        assert_accessible(screen.page)


def test_no_page_scrolls_sideways(make_screen: Make, worked: tuple[Desk, IssuedCard]) -> None:
    desk, made = worked
    screen = make_screen(desk, path=None)
    for path in ("", "/rules", f"/{made.card.id}"):
        screen.goto(f"/office/returns{path}")
        assert_fits(screen.page, 390, 1024)


def test_a_card_is_returned_from_the_counter(make_screen: Make, worked: tuple[Desk, IssuedCard]) -> None:
    desk, made = worked
    screen = make_screen(desk)
    screen.open(made)
    screen.page.locator("#return-card").click()
    expect(screen.page.locator("section.way", has_text="Not the card holder's cause")).to_contain_text(
        "¥3,594.00 × ¥3,000.00 / ¥4,000.00 = ¥2,695.50"
    )
    screen.page.locator("input[name=way][value=art18]").check()
    screen.page.locator("#reason").fill("The store in Chaoyang closes.")
    screen.page.get_by_role("button", name="Record the choice").click()
    expect(screen.page.locator("#choice-head")).to_be_visible()
    expect(screen.page.locator("main")).to_contain_text("The store in Chaoyang closes.")
    assert_accessible(screen.page)
    choice = find_choice(made.card.account_id)
    assert choice is not None
    assert (choice.branch, choice.refund_minor, choice.retained_minor) == ("art18", 30_450, 10_150)


def test_a_new_card_asks_for_the_identity_only_where_a_rule_does(
    make_screen: Make, worked: tuple[Desk, IssuedCard]
) -> None:
    desk, _ = worked
    screen = make_screen(desk, path="/cards/new")
    page = screen.page
    page.locator("#id_program").select_option(desk.shop.program.code)
    page.locator("#id_amount").fill("100")
    page.locator("#issue button[type=submit]").click()
    expect(page.locator("#holder .notice-rule")).to_contain_text("MOFCOM Order 9 of 2012")
    # A browser says on its console that the form came back.
    assert [("422" in said) for said in screen.complaints] == [True]
    screen.complaints.clear()
    assert_accessible(page)
    page.locator("#id_holder_name").fill("Zhang Wei")
    page.locator("#id_holder-document").select_option("passport")
    page.locator("#id_holder-number").fill(f"E{desk.shop.store.code[-8:]}")
    page.locator("#id_holder-phone").fill("13800000000")
    page.locator("#issue button[type=submit]").click()
    expect(page.locator("#number")).to_be_visible()

    Program.objects.filter(pk=desk.shop.program.pk).update(rule_set=RuleSet.objects.get(code="plain"))
    screen.goto("/cards/new")
    page.locator("#id_program").select_option(desk.shop.program.code)
    page.locator("#issue button[type=submit]").click()
    expect(page.locator("#number")).to_be_visible()
