"""Card returns in the office and identities at the counter, without a browser's scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from prepaid.cards.identity import read_number
from prepaid.cards.models import Account, Card, Program, RuleSet
from prepaid.identifiers import uuid7
from prepaid.ledger.models import LedgerAccount
from prepaid.reports.return_register import list_cooling, list_due
from prepaid.stored_value.quotes.choices import find_choice, list_choices
from tests.shop import assert_ledger_is_clean, figures
from tests.stored_value.rule_sets import identified
from tests.web.conftest import Desk, open_desk

RESIDENT_ID = "11010519491231002X"
IDENTITY = {
    "kind": "person",
    "name": "Wang Fang",
    "document": "resident_id",
    "number": RESIDENT_ID,
    "phone": "13800000000",
}


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def ruled(desk: Desk, code: str) -> None:
    """Put the desk's program under a preset."""
    Program.objects.filter(pk=desk.shop.program.pk).update(rule_set=RuleSet.objects.get(code=code))
    desk.shop.program.refresh_from_db()


def test_a_refused_top_up_tells_rule_and_article_and_the_way_out(desk: Desk) -> None:
    ruled(desk, "cn_registered")
    made = desk.issue()
    before = figures()
    client = desk.client()

    page = client.post("/counter/command", {"card": made.card.id, "q": "+100"}).content.decode()

    assert "recorded before a registered card is sold or topped up" in page
    assert "(MOFCOM Order 9 of 2012)" in page
    assert f"/cards/{made.card.id}/identity" in page
    client.cookies["django_language"] = "zh-hans"
    chinese = client.post("/counter/command", {"card": made.card.id, "q": "+100"}).content.decode()
    assert "须先登记购卡人姓名、证件号码和联系方式。（商务部令2012年第9号）" in chinese
    assert figures() == before


def test_an_identity_is_recorded_once_and_lets_the_card_be_topped_up(desk: Desk) -> None:
    ruled(desk, "cn_registered")
    made = desk.issue()
    client, address = desk.client(), f"/cards/{made.card.id}/identity"

    wrong = client.post(address, IDENTITY | {"number": "110105194912310021"})
    assert wrong.status_code == 422
    assert "This is not a number of such a document" in wrong.content.decode()
    assert client.post(address, IDENTITY).status_code == 302

    holder = Account.objects.get(pk=made.card.account_id).holder
    assert holder is not None
    assert (holder.name, holder.identified_by, read_number(holder)) == (
        "Wang Fang",
        desk.staff.code,
        RESIDENT_ID,
    )
    for page in (client.get(address), client.get(f"/counter/{made.card.id}")):
        assert "•••• 002X" in page.content.decode()
        assert RESIDENT_ID not in page.content.decode()
    desk.load(made, 10_000)
    assert desk.figures(made) == (10_000, 1)
    assert_ledger_is_clean()


def test_a_registered_card_is_issued_with_its_identity_or_not_at_all(desk: Desk) -> None:
    ruled(desk, "cn_registered")
    cards, client = Card.objects.count(), desk.client()
    card_id = uuid7()
    asked = {
        "card_id": card_id,
        "load_id": uuid7(),
        "program": desk.shop.program.code,
        "medium": "printed",
        "amount": "100",
        "holder_name": "Wang Fang",
        "holder-kind": "person",
        "holder-document": "resident_id",
    }

    refused = client.post("/cards/new", asked)
    assert refused.status_code == 422
    assert "before a registered card is sold or topped up" in refused.content.decode()
    assert Card.objects.count() == cards

    whole = asked | {"holder-number": RESIDENT_ID, "holder-phone": "13800000000"}
    assert client.post("/cards/new", whole).status_code == 200
    made = Card.objects.get(pk=card_id)
    assert LedgerAccount.objects.get(pk=made.account_id).balance == 10_000
    assert made.account.holder is not None
    assert made.account.holder.id_number_tail == "002X"


def test_a_program_without_rules_asks_nobody_who_they_are(desk: Desk) -> None:
    client = desk.client()
    assert "holder-number" not in client.get("/cards/new").content.decode()
    asked = {
        "card_id": uuid7(),
        "load_id": uuid7(),
        "program": desk.shop.program.code,
        "medium": "printed",
        "amount": "",
    }
    assert client.post("/cards/new", asked).status_code == 200


def test_all_ways_are_shown_and_one_is_chosen_with_a_reason(manager: Desk) -> None:
    ruled(manager, "cn_registered")
    made = manager.issue()
    Account.objects.filter(pk=made.card.account_id).update(holder=identified())
    manager.load(made, 30_000)
    client, before = manager.client(), figures()
    page = client.get(f"/office/returns/{made.card.id}").content.decode()
    for name in ("Cooling-off period", "Not the card holder&#x27;s cause", "By the days left"):
        assert name in page
    assert "Refund: ¥300.00" in page
    assert "Fa Shi [2025] No. 4, art. 18 to 20" in page

    def choose(**changed: object) -> None:
        asked = {"id": uuid7(), "way": "cooling_off", "reason": "moves away"} | changed
        client.post(f"/office/returns/{made.card.id}/choice", asked)

    choose(reason="")
    choose(way="paid_bucket")
    assert list_choices(account_id=made.card.account_id) == []
    choose()
    choice = find_choice(made.card.account_id)
    assert choice is not None
    assert (choice.branch, choice.total_minor, choice.operator) == ("cooling_off", 30_000, manager.staff.code)
    assert "moves away" in client.get(f"/office/returns/{made.card.id}").content.decode()
    assert "moves away" in client.get("/office/returns").content.decode()
    assert figures() == before


def test_a_cashier_quotes_nothing(desk: Desk) -> None:
    made = desk.issue()
    client = desk.client()
    for path in ("/office/returns", "/office/returns/rules", f"/office/returns/{made.card.id}"):
        assert client.get(path).status_code == 403
    assert client.post(f"/office/returns/{made.card.id}/choice", {"id": uuid7()}).status_code == 403


def test_the_register_tells_what_is_due_and_what_may_be_taken_back(manager: Desk) -> None:
    ruled(manager, "cn_beijing_registered")
    fresh, used = manager.issue(), manager.issue()
    for made in (fresh, used):
        Account.objects.filter(pk=made.card.account_id).update(holder=identified())
        manager.load(made, 30_000)
    manager.redeem_at_the_terminal(used, 1_000)
    today = manager.shop.counter.business_date_at(timezone.now())
    mine = {fresh.card.account_id: "fresh", used.card.account_id: "used"}

    def cooling(days: int) -> dict[str, tuple[int, bool]]:
        found = list_cooling(today + timedelta(days=days))
        return {
            mine[each.account_id]: (each.amount_minor, each.used) for each in found if each.account_id in mine
        }

    assert cooling(7) == {"fresh": (30_000, False), "used": (30_000, True)}
    assert cooling(8) == {}
    client = manager.client()
    for way in ("art18", "cooling_off"):
        asked = {"id": uuid7(), "way": way, "reason": "moves away"}
        client.post(f"/office/returns/{fresh.card.id}/choice", asked)

    def due(days: int) -> list[tuple[str, bool, bool]]:
        found = list_due(today + timedelta(days=days))
        return [
            (each.choice.branch, each.overdue, each.superseded)
            for each in found
            if each.choice.account_id == fresh.card.account_id
        ]

    assert due(5) == [("cooling_off", False, False), ("art18", False, True)]
    assert due(6) == [("cooling_off", True, False), ("art18", False, True)]


def test_rules_are_shown_as_they_stand_on_a_day(manager: Desk) -> None:
    client = manager.client()

    before = client.get("/office/returns/rules?set=us&on=2026-03-31").content.decode()
    after = client.get("/office/returns/rules?set=us&on=2026-04-01").content.decode()

    told = "A balance below 15 USD is paid out in cash on demand in California."
    assert before.index("Still to come") < before.index(told)
    assert "Still to come" not in after
    assert told in after
    assert "To be checked" in after
    assert client.get("/office/returns/rules?on=nonsense&set=none").status_code == 200
