"""The counter without a browser's scripts: each form is a native POST that answers a whole page."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.test import Client

from prepaid.cards.models import Card, CardEvent
from prepaid.identifiers import rrn_of, uuid7
from prepaid.ledger.errors import TryAgain
from prepaid.stored_value.issue import IssuedCard
from prepaid.stores.models import Staff, Terminal
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import Desk, open_desk


def hidden(page: Any) -> dict[str, str]:
    """Read the armed action that a page carries."""
    armed = page.content.decode().partition('id="armed"')[2].partition("</p>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', armed))


def command(client: Client, text: str = "", **fields: Any) -> Any:
    return client.post("/counter/command", {"q": text, **fields})


def arm(client: Client, made: IssuedCard, text: str) -> dict[str, str]:
    page = command(client, text, card=made.card.id)
    fields = hidden(page)
    assert fields["id"], page.content.decode()
    return fields | {"mode": fields["kind"]}


def test_a_whole_number_opens_its_card(desk: Desk) -> None:
    made = desk.issue(balance=12_345)
    answer = command(desk.client(), made.number or "")
    assert answer.status_code == 302
    assert answer["Location"] == f"/counter/{made.card.id}"
    page = desk.client().get(answer["Location"]).content.decode()
    assert made.card.number_masked in page
    assert 'data-minor="12345"' in page
    assert (made.number or "x") not in page


def test_the_printed_code_and_a_receipt_open_the_card(desk: Desk) -> None:
    made = desk.issue()
    answer_id = desk.load(made, 5_000)
    for text in (made.qr or "", rrn_of(answer_id)):
        assert command(desk.client(), text)["Location"] == f"/counter/{made.card.id}"


def test_an_unknown_number_says_what_to_do(desk: Desk) -> None:
    page = command(desk.client(), "8600000000000000").content.decode()
    assert "No card or receipt was found." in page


def test_a_top_up_is_armed_and_then_committed_once(desk: Desk) -> None:
    made, client = desk.issue(), desk.client()
    fields = arm(client, made, "+100")
    assert desk.figures(made) == (0, 0)

    first = command(client, **fields).content.decode()
    assert rrn_of(UUID(fields["id"])) in first
    assert desk.figures(made) == (10_000, 1)

    second = command(client, **fields).content.decode()
    assert rrn_of(UUID(fields["id"])) in second
    assert desk.figures(made) == (10_000, 1)
    assert_ledger_is_clean()


def test_the_balance_shown_before_is_the_balance_after(desk: Desk) -> None:
    made, client = desk.issue(balance=50_000), desk.client()
    page = command(client, "-36.5", card=made.card.id)
    shown = re.search(r'id="after" data-minor="(\d+)"', page.content.decode())
    command(client, **hidden(page), mode="redeem")
    assert shown is not None
    assert desk.figures(made) == (int(shown[1]), 2)


def test_a_refusal_is_said_before_anything_is_armed(desk: Desk) -> None:
    made, client = desk.issue(balance=1_000), desk.client()
    page = command(client, "-36.5", card=made.card.id)
    assert "Not enough balance." in page.content.decode()
    assert "No money was moved" in page.content.decode()
    assert "id" not in hidden(page)
    assert desk.figures(made) == (1_000, 1)


def test_a_refusal_that_comes_between_arming_and_committing_moves_nothing(desk: Desk) -> None:
    made, client = desk.issue(balance=5_000), desk.client()
    fields = arm(client, made, "-36.5")
    Card.objects.filter(pk=made.card.pk).update(state="blocked")
    page = command(client, **fields).content.decode()
    assert "The card is blocked." in page
    assert desk.figures(made) == (5_000, 1)


def test_the_other_way_chosen_after_arming_arms_again(desk: Desk) -> None:
    made, client = desk.issue(balance=50_000), desk.client()
    fields = arm(client, made, "+100")
    page = command(client, **(fields | {"mode": "redeem"}))
    assert hidden(page)["kind"] == "redeem"
    assert hidden(page)["id"] != fields["id"]
    assert desk.figures(made) == (50_000, 1)


def test_a_text_typed_while_armed_is_a_command_and_no_commit(desk: Desk) -> None:
    made, other, client = desk.issue(balance=50_000), desk.issue(), desk.client()
    fields = arm(client, made, "-36.5")
    page = command(client, other.number or "", **fields)
    assert other.card.number_masked in page.content.decode()
    assert "Esc = stay" in page.content.decode()
    kept = hidden(page)
    assert kept["switch"] == str(other.card.id)
    assert kept["id"] == fields["id"]
    assert desk.figures(made) == (50_000, 1)
    switched = command(client, **kept, mode="redeem")
    assert switched["Location"] == f"/counter/{other.card.id}"
    assert desk.figures(made) == (50_000, 1)


def test_a_scan_behind_a_typed_amount_never_switches_by_itself(desk: Desk) -> None:
    made, other = desk.issue(balance=50_000), desk.issue()
    page = command(desk.client(), f"+5{other.number}", card=made.card.id)
    assert page.status_code == 200
    assert hidden(page)["switch"] == str(other.card.id)
    assert hidden(page)["card"] == str(made.card.id)


def test_a_cut_scan_opens_nothing(desk: Desk) -> None:
    made = desk.issue()
    for cut in range(1, 8):
        page = command(desk.client(), (made.number or "")[cut:])
        assert page.status_code == 200
        assert hidden(page)["card"] == ""


@pytest.mark.parametrize(
    "broken",
    [
        {"id": str(uuid4())},
        {"id": "x"},
        {"amount_minor": "0"},
        {"amount_minor": "-5"},
        {"amount_minor": "1.5"},
        {"amount_minor": "9" * 20},
        {"kind": "adjust"},
        {"kind": "void"},
        {"card": "x"},
        {"original": str(uuid7())},
    ],
)
def test_a_broken_armed_form_does_nothing(desk: Desk, broken: dict[str, str]) -> None:
    made, client = desk.issue(balance=50_000), desk.client()
    fields = arm(client, made, "+100") | broken
    assert command(client, **fields).status_code == 200
    assert desk.figures(made) == (50_000, 1)


def test_the_same_id_with_another_amount_is_refused(open_shop_desk: Desk) -> None:
    desk = open_shop_desk
    made, client = desk.issue(), desk.client()
    fields = arm(client, made, "+100")
    command(client, **fields)
    page = command(client, **(fields | {"amount_minor": "20000"})).content.decode()
    assert "This page was used for something else before." in page
    assert desk.figures(made) == (10_000, 1)


def test_no_answer_keeps_the_action_armed_under_the_same_id(desk: Desk) -> None:
    made, client = desk.issue(), desk.client()
    fields = arm(client, made, "+100")
    with patch("prepaid.web.counter.views.commit", side_effect=TryAgain("busy")):
        page = command(client, **fields)
    assert "it is not known whether money moved" in page.content.decode()
    assert hidden(page)["id"] == fields["id"]
    command(client, **hidden(page), mode="load")
    assert desk.figures(made) == (10_000, 1)


def test_a_void_is_armed_from_the_history_and_gives_the_value_back(desk: Desk) -> None:
    made, client = desk.issue(balance=50_000), desk.client()
    spent = desk.redeem_at_the_terminal(made, 3_650)
    page = command(client, card=made.card.id, void=spent)
    fields = hidden(page)
    assert fields["kind"] == "void"
    assert desk.figures(made) == (46_350, 2)
    done = command(client, **fields, mode="load").content.decode()
    assert "Voided" in done
    assert "undone" in done
    assert desk.figures(made) == (50_000, 3)
    again = command(client, card=made.card.id, void=spent).content.decode()
    assert "It was undone before." in again
    assert desk.figures(made) == (50_000, 3)
    assert_ledger_is_clean()


def test_what_a_terminal_closed_with_its_batch_is_not_voided_at_the_till(desk: Desk) -> None:
    made, client = desk.issue(balance=50_000), desk.client()
    spent = desk.redeem_at_the_terminal(made, 3_650)
    Terminal.objects.filter(pk=desk.shop.terminal.pk).update(closed_through_sequence=desk.shop.sequence)
    page = command(client, card=made.card.id, void=spent)
    assert "The original can no longer be undone." in page.content.decode()
    assert "id" not in hidden(page)
    assert desk.figures(made) == (46_350, 2)


def test_a_transaction_of_another_card_is_not_voided_here(desk: Desk) -> None:
    made, other = desk.issue(balance=50_000), desk.issue(balance=7_000)
    spent = desk.redeem_at_the_terminal(other, 3_650)
    page = command(desk.client(), card=made.card.id, void=spent)
    assert "The original transaction was not found." in page.content.decode()
    assert "id" not in hidden(page)


def test_an_amount_without_a_card_asks_for_the_card(desk: Desk) -> None:
    assert "Open a card first." in command(desk.client(), "+100").content.decode()


def test_fragments_are_answered_to_htmx_alone(desk: Desk) -> None:
    made, client = desk.issue(), desk.client()
    answer = client.get(f"/counter/{made.card.id}", headers={"HX-Request": "true"})
    assert b"<html" not in answer.content
    assert answer.content.count(b'hx-swap-oob="true"') == 3
    assert answer["HX-Replace-Url"] == f"/counter/{made.card.id}"
    assert b"<html" in client.get(f"/counter/{made.card.id}").content


def test_block_needs_a_reason_and_is_written_down(desk: Desk) -> None:
    made, client = desk.issue(), desk.client()
    address = f"/cards/{made.card.id}/state"
    client.post(address, {"change": "block", "reason": " "})
    made.card.refresh_from_db()
    assert made.card.state == "active"
    client.post(address, {"change": "block", "reason": "found in the street"})
    made.card.refresh_from_db()
    assert made.card.state == "blocked"
    event = CardEvent.objects.filter(card=made.card).last()
    assert event is not None
    assert (event.reason, event.actor) == ("found in the street", desk.staff.code)
    page = client.get(f"/counter/{made.card.id}").content.decode()
    assert "This card takes no money" in page
    assert "found in the street" in page


def test_only_a_manager_recovers(desk: Desk) -> None:
    made = desk.issue()
    address = f"/cards/{made.card.id}/state"
    desk.client().post(address, {"change": "report_lost", "reason": "x"})
    assert desk.client().post(address, {"change": "recover", "reason": "x"}).status_code == 403
    made.card.refresh_from_db()
    assert made.card.state == "lost"
    Staff.objects.filter(pk=desk.staff.pk).update(role="manager")
    assert desk.client().post(address, {"change": "recover", "reason": "x"}).status_code == 302
    made.card.refresh_from_db()
    assert made.card.state == "active"


# An unblock is asked for, so that a second person can stand between.
@pytest.mark.parametrize("change", ["close", "activate", "unblock", "", "delete"])
def test_changes_that_the_counter_does_not_offer_are_refused(desk: Desk, change: str) -> None:
    made = desk.issue()
    answer = desk.client().post(f"/cards/{made.card.id}/state", {"change": change, "reason": "x"})
    assert answer.status_code == 404
    made.card.refresh_from_db()
    assert made.card.state == "active"


def test_cards_are_found_by_last_four_and_by_holder(desk: Desk) -> None:
    made = desk.issue(holder="Zhao Min")
    client = desk.client()
    by_name = client.get("/cards", {"q": "zhao min"}).content.decode()
    by_four = client.get("/cards", {"q": made.card.last_four}).content.decode()
    assert f"/counter/{made.card.id}" in by_name
    assert f"/counter/{made.card.id}" in by_four
    assert "No card matches" in client.get("/cards", {"q": "nobody of this name"}).content.decode()
    assert client.get("/cards", {"q": made.number or ""})["Location"] == f"/counter/{made.card.id}"


def test_a_receipt_is_a_page_of_its_own(desk: Desk) -> None:
    made = desk.issue()
    answer_id = desk.load(made, 5_000)
    page = desk.client().get(f"/receipts/{answer_id}").content.decode()
    assert rrn_of(answer_id) in page
    assert "¥50.00" in page
    assert f"**** {made.card.last_four}" in page
    assert desk.client().get(f"/receipts/{uuid7()}").status_code == 404


def test_the_poll_tells_a_tap_once(desk: Desk) -> None:
    made, client = desk.issue(), desk.client()
    assert client.get("/counter/taps/latest", {"after": "0"}).status_code == 204
    tap = desk.tap(made)
    told = client.get("/counter/taps/latest", {"after": "0"}).json()
    assert told == {
        "id": tap.id,
        "card": str(made.card.id),
        "last_four": made.card.last_four,
        "verified": True,
    }
    assert client.get("/counter/taps/latest", {"after": tap.id}).status_code == 204


def test_a_tap_at_another_terminal_is_not_told(desk: Desk) -> None:
    elsewhere = open_desk()
    elsewhere.tap(elsewhere.issue())
    assert desk.client().get("/counter/taps/latest", {"after": "0"}).status_code == 204


def test_without_a_till_the_person_is_asked_where_they_work(desk: Desk) -> None:
    Staff.objects.filter(pk=desk.staff.pk).update(till=None)
    client = desk.client()
    assert client.get("/counter")["Location"] == "/till?next=%2Fcounter"
    assert desk.shop.till.name in client.get("/till").content.decode()
    chosen = client.post("/till", {"till": desk.shop.till.id, "next": "/cards"})
    assert chosen["Location"] == "/cards"
    desk.staff.refresh_from_db()
    assert desk.staff.till_id == desk.shop.till.id


def test_a_till_of_another_store_cannot_be_chosen(desk: Desk) -> None:
    elsewhere = open_desk()
    assert desk.client().post("/till", {"till": elsewhere.shop.till.id}).status_code == 404
    assert (
        desk.client().post("/till", {"till": desk.shop.till.id, "next": "//evil.example"})["Location"]
        == "/counter"
    )
