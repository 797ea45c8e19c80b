"""The card drawer without a browser's scripts: each act is a page, a POST and a slip or the counter again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from prepaid.cards.models import Account, Card, CardEvent
from prepaid.identifiers import rrn_of, uuid7
from prepaid.ledger.models import LedgerAnswer
from prepaid.stored_value.return_card import return_card
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import Desk, open_desk
from tests.web.drawer import confirm, get, post, secret, state

MANAGERS = ("replace", "reassign", "move", "merge", "cash-out", "close")
YEAR = timedelta(days=365)
CASHIERS = ("new-pin",)


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def test_drawer_lists_what_fits_the_card(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    page = get(manager, made).content.decode()
    everything = ["replace", "new-pin", "reassign", "move", "merge", "cash-out", "close"]
    assert re.findall(r'/life/([\w-]+)"', page) == everything

    Card.objects.filter(pk=made.card.pk).update(state="lost")
    assert re.findall(r'/life/([\w-]+)"', get(manager, made).content.decode()) == ["replace"]
    Card.objects.filter(pk=made.card.pk).update(state="active", expires_on="2020-01-01")
    assert re.findall(r'/life/([\w-]+)"', get(manager, made).content.decode()) == ["exchange"]
    Card.objects.filter(pk=made.card.pk).update(state="closed")
    # Value came back to it after it was closed: a new card can present it.
    assert re.findall(r'/life/([\w-]+)"', get(manager, made).content.decode()) == ["replace"]
    made = manager.issue()
    Card.objects.filter(pk=made.card.pk).update(state="closed")
    assert "Nothing can be done with this card" in get(manager, made).content.decode()


def test_cashier_sees_what_a_manager_may_and_is_refused_it(desk: Desk) -> None:
    made = desk.issue(balance=10_000)
    page = get(desk, made).content.decode()
    assert re.findall(r'/life/([\w-]+)"', page) == ["new-pin"]
    # The change of a limit is asked for by managers as well.
    assert page.count("is-shut") == len(MANAGERS) + 1
    before = desk.figures(made)
    for act in MANAGERS:
        assert get(desk, made, act).status_code == 403
        assert post(desk, made, act, amount="1", holder_name="x", to="x", confirmed="yes").status_code == 403
    assert (desk.figures(made), state(made)) == (before, "active")
    for act in CASHIERS:
        assert get(desk, made, act).status_code == 200


def test_act_and_card_that_do_not_exist_are_not_found(manager: Desk) -> None:
    made = manager.issue()
    assert get(manager, made, "melt").status_code == 404
    assert manager.client().get(f"/cards/{uuid7()}/life").status_code == 404


def test_replacing_shows_the_new_secrets_once_and_leads_from_the_old_card_to_the_new(manager: Desk) -> None:
    made, new_id = manager.issue(balance=10_000), uuid7()
    page = post(manager, made, "replace", id=new_id)
    number, pin = secret(page, "number"), secret(page, "pin")
    assert (len(number), len(pin), state(made)) == (16, 6, "closed")
    assert f"**** {made.card.last_four}" in page.content.decode()
    assert "no-store" in page["Cache-Control"]

    again = post(manager, made, "replace", id=new_id)
    assert "This was done before." in again.content.decode()
    assert number not in again.content.decode().replace(" ", "")
    old = manager.client().get(f"/counter/{made.card.id}").content.decode()
    assert f"Replaced by •••• {number[-4:]}" in old
    assert "asked for" in old
    opened = manager.client().post("/counter/command", {"q": number})
    assert opened["Location"] == f"/counter/{new_id}"
    assert 'data-minor="10000"' in manager.client().get(opened["Location"]).content.decode()
    assert Card.objects.filter(account=made.card.account).count() == 2


def test_replacing_by_an_nfc_card_needs_a_fresh_tap(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    refused = post(manager, made, "replace", medium="nfc")
    assert refused.status_code == 422
    assert "wait until it is verified" in refused.content.decode()
    assert state(made) == "active"

    tap = manager.tap(None)
    new_id = uuid7()
    assert post(manager, made, "replace", id=new_id, medium="nfc", tap=tap.id).status_code == 200
    assert Card.objects.get(pk=new_id).credentials.filter(method="sun").exists()
    other = manager.issue(balance=100)
    taken = post(manager, other, "replace", medium="nfc", tap=tap.id)
    assert taken.status_code == 422
    assert "belongs to another card already" in taken.content.decode()
    assert state(other) == "active"


def test_exchange_is_for_everybody_and_for_expired_cards_alone(desk: Desk) -> None:
    made = desk.issue(balance=10_000)
    refused = post(desk, made, "exchange")
    assert refused.status_code == 422
    assert "Nothing was changed" in refused.content.decode()

    Card.objects.filter(pk=made.card.pk).update(expires_on="2020-01-01")
    page = post(desk, made, "exchange")
    assert "Card exchanged" in page.content.decode()
    assert secret(page, "number")
    assert state(made) == "closed"


def test_new_pin_is_shown_once(desk: Desk) -> None:
    made, event = desk.issue(), uuid7()
    page = post(desk, made, "new-pin", id=event)
    assert secret(page, "pin") != made.pin
    again = post(desk, made, "new-pin", id=event)
    assert "This was done before." in again.content.decode()
    assert 'id="pin"' not in again.content.decode()
    history = desk.client().get(f"/counter/{made.card.id}").content.decode()
    assert "New PIN" in history
    assert f"asked for · {desk.staff.code}" in history


def test_a_reason_is_always_asked_for(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    before, events = manager.figures(made), CardEvent.objects.filter(card=made.card).count()
    for act in (*MANAGERS, "new-pin"):
        answer = post(manager, made, act, reason=" ", amount="1", to="x", holder_name="x")
        assert answer.status_code == 422, act
        assert 'aria-invalid="true"' in answer.content.decode()
    assert (manager.figures(made), state(made)) == (before, "active")
    assert CardEvent.objects.filter(card=made.card).count() == events


def test_reassigning_names_both_holders_in_the_history(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    page = post(manager, made, "reassign", holder_name="Li Na", holder_phone="13800000000")
    assert secret(page, "pin") != made.pin
    assert 'id="code"' in page.content.decode()
    account = Account.objects.select_related("holder").get(pk=made.card.account_id)
    assert account.holder is not None
    assert (account.holder.name, account.holder.phone) == ("Li Na", "13800000000")
    history = manager.client().get(f"/counter/{made.card.id}").content.decode()
    assert "Wang Xiaoyu → Li Na" in history


def test_a_move_is_looked_at_and_then_made_once(manager: Desk) -> None:
    made, other = manager.issue(balance=10_000), manager.issue(balance=500, holder="Li Na")
    page = post(manager, made, "move", to=other.number, amount="25")
    shown = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.content.decode()))
    assert "¥100.00 then ¥75.00" in shown
    assert "¥5.00 then ¥30.00" in shown
    assert (manager.figures(made), manager.figures(other)) == ((10_000, 1), (500, 1))

    answer = confirm(manager, made, "move", page)
    assert (manager.figures(made), manager.figures(other)) == ((7_500, 2), (3_000, 2))
    done = manager.client().get(answer["Location"]).content.decode()
    moved = LedgerAnswer.objects.get(type="move", presented_id=made.card.id)
    assert rrn_of(moved.id) in done
    assert "Moved to another card" in done
    again = confirm(manager, made, "move", page)
    assert again["Location"] == answer["Location"]
    assert manager.figures(made) == (7_500, 2)
    taken = manager.client().get(f"/counter/{other.card.id}").content.decode()
    assert "Moved from another card" in taken
    assert_ledger_is_clean()


def test_a_move_is_voided_from_the_history(manager: Desk) -> None:
    made, other = manager.issue(balance=10_000), manager.issue()
    page = post(manager, made, "move", to=other.number, amount="25")
    confirm(manager, made, "move", page)
    moved = LedgerAnswer.objects.get(type="move", presented_id=made.card.id)
    client = manager.client()
    armed = client.post("/counter/command", {"void": moved.id, "card": made.card.id}).content.decode()
    fields = dict(
        re.findall(r'name="(\w+)" value="([^"]*)"', armed.partition('id="armed"')[2].partition("</p>")[0])
    )
    page = client.post("/counter/command", fields).content.decode()
    assert "Voided" in page
    assert (manager.figures(made), manager.figures(other)) == ((10_000, 3), (0, 2))
    assert_ledger_is_clean()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"to": "8600000000000000"}, "No card was found."),
        ({"to": ""}, "No card was found."),
        ({"amount": "many"}, "Type an amount such as 100"),
        ({"amount": "0"}, "Type an amount such as 100"),
        ({"amount": "100.01"}, "Not enough balance. No money was moved"),
        ({"to": "itself"}, "of the same account"),
    ],
)
def test_a_move_that_cannot_be_is_said_and_moves_nothing(
    manager: Desk, fields: dict[str, str], says: str
) -> None:
    made, other = manager.issue(balance=10_000), manager.issue()
    asked = {"to": other.number or "", "amount": "25"} | fields
    if asked["to"] == "itself":
        asked["to"] = made.number or ""
    answer = post(manager, made, "move", **asked)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert (manager.figures(made), manager.figures(other)) == ((10_000, 1), (0, 0))


def test_a_merge_closes_the_card_and_its_void_opens_it(manager: Desk) -> None:
    made, other = manager.issue(balance=10_000), manager.issue(balance=500)
    page = post(manager, made, "merge", to_card=other.card.id)
    assert "The card is closed." in page.content.decode()
    done = manager.client().get(confirm(manager, made, "merge", page)["Location"]).content.decode()
    assert "Merged, and the card is closed:" in done
    assert (state(made), manager.figures(other)) == ("closed", (10_500, 2))
    assert "Void" in done
    assert_ledger_is_clean()


def test_an_empty_card_that_was_merged_is_opened_again_from_its_history(manager: Desk) -> None:
    made, other = manager.issue(), manager.issue(balance=500)
    confirm(manager, made, "merge", post(manager, made, "merge", to_card=other.card.id))
    client, address = manager.client(), f"/counter/{made.card.id}"
    merged = LedgerAnswer.objects.get(type="move", presented_id=made.card.id)
    assert f'name="void" value="{merged.id}"' in client.get(address).content.decode()

    armed = client.post("/counter/command", {"void": merged.id, "card": made.card.id}).content.decode()
    fields = dict(
        re.findall(r'name="(\w+)" value="([^"]*)"', armed.partition('id="armed"')[2].partition("</p>")[0])
    )
    assert "Voided" in client.post("/counter/command", fields).content.decode()

    assert (state(made), manager.figures(made), manager.figures(other)) == ("active", (0, 0), (500, 1))
    assert 'name="void"' not in client.get(address).content.decode()
    assert_ledger_is_clean()


def test_cash_out_and_closing_pay_what_was_shown(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    page = post(manager, made, "cash-out", amount="30", tender="bank_transfer")
    assert "Paid back by bank transfer" in page.content.decode()
    done = manager.client().get(confirm(manager, made, "cash-out", page)["Location"]).content.decode()
    assert "Paid out" in done
    assert manager.figures(made) == (7_000, 2)

    page = post(manager, made, "close")
    manager.load(made, 100)
    late = confirm(manager, made, "close", page)
    assert late.status_code == 422
    assert "No money was moved" in late.content.decode()
    assert (state(made), manager.figures(made)) == ("active", (7_100, 3))
    asked = dict(re.findall(r'name="(id|reason)" value="([^"]*)"', late.content.decode()))

    answer = confirm(manager, made, "close", post(manager, made, "close", **asked))
    assert (state(made), manager.figures(made)) == ("closed", (0, 4))
    done = manager.client().get(answer["Location"]).content.decode()
    assert "The card is closed. Paid out:" in done
    assert_ledger_is_clean()


def test_what_was_confirmed_under_an_id_is_not_made_again_with_other_content(committed_db: None) -> None:
    manager = open_desk(role="manager")
    made = manager.issue(balance=10_000)
    page = post(manager, made, "cash-out", amount="30")
    confirm(manager, made, "cash-out", page)
    before = manager.figures(made)
    changed = confirm(manager, made, "cash-out", page, amount="31")
    assert changed.status_code == 422
    assert "begin again" in changed.content.decode()
    assert manager.figures(made) == before


def test_another_till_s_transaction_is_not_told_as_just_done(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    elsewhere = open_desk(role="manager")
    page = post(manager, made, "cash-out", amount="30")
    address = confirm(manager, made, "cash-out", page)["Location"]
    assert 'id="notice"' not in elsewhere.client().get(address).content.decode()


def test_receipt_of_a_return_tells_what_went_where(manager: Desk) -> None:
    made = manager.issue(balance=10_000)
    request = manager.shop.request(
        origin=manager.shop.counter, sequence=None, occurred_at=timezone.now(), recorded_at=timezone.now()
    )
    answer = return_card(
        request, made.card.id, paid_minor=9_000, retained_minor=1_000, tender="bank_transfer", note="art. 18"
    )
    client = manager.client()
    receipt = re.sub(
        r"\s+", " ", re.sub("<[^>]+>", " ", client.get(f"/receipts/{answer.id}").content.decode())
    )
    assert "Card return ¥100.00" in receipt
    assert "Paid back by bank transfer ¥90.00" in receipt
    assert "Retained by the store ¥10.00" in receipt
    done = re.sub("<[^>]+>", "", client.get(f"/counter/{made.card.id}?done={answer.id}").content.decode())
    assert "Paid out: ¥90.00" in done
