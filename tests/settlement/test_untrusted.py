"""Copies and forgeries of a card: what proves one is an exception, what an honest card can do is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prepaid.cards.hot_list import hot_list_version
from prepaid.cards.models import Card, CardEvent, Credential, Program
from prepaid.settlement.exceptions import list_open, resolve
from prepaid.stored_value.approvals.payloads import Unblock
from prepaid.stored_value.issue import IssuedCard
from terminals.conversations import prove
from terminals.errors import Refused
from terminals.messages import SunCard
from terminals.simulator.ntag424 import Ntag424
from tests.api.conftest import Till, stored
from tests.cardtable import Desk, fresh_idm, open_desk
from tests.shop import assert_ledger_is_clean, open_shop
from tests.stored_value.people import asked_by, hire

Given = tuple[Desk, IssuedCard, Ntag424]


@pytest.fixture
def given(db: None, tmp_path: Path) -> Given:
    desk = open_desk(Till(shop=open_shop()), tmp_path)
    return (desk, *desk.made())


def tap(desk: Desk, card: Ntag424) -> SunCard:
    shown = desk.lay(card).card
    assert isinstance(shown, SunCard)
    return shown


def show(desk: Desk, card: SunCard, *, late: timedelta = timedelta(), **fields: Any) -> str | None:
    """Redeem with a message as of now or later; the reason of a decline returns."""
    at = (datetime.now(UTC) + late).isoformat().replace("+00:00", "Z")
    shown = {"method": "sun", "uri": card.uri}
    body = desk.till.posting("redeem", card=shown, amount=100, currency="CNY", occurred_at=at)
    reason: str | None = desk.till.post(body | fields).json()["reason"]
    return reason


def elsewhere(desk: Desk) -> Desk:
    """Give another terminal, which sees the same cards."""
    return Desk(till=Till(shop=open_shop()), table=desk.table)


def told(issued: IssuedCard) -> tuple[list[str], str]:
    """Give the kinds of exception of a card, and its state."""
    kinds = list_open().filter(subject="card", key=str(issued.card.id)).values_list("kind", flat=True)
    return sorted(kinds), Card.objects.get(pk=issued.card.id).state


def test_reading_that_goes_back_is_told_once_and_blocks_the_card(given: Given) -> None:
    desk, issued, card = given
    harvested = [tap(desk, card) for _ in range(2)]
    assert show(desk, tap(desk, card)) is None
    version, before = hot_list_version(), stored()[:-1]

    assert [show(desk, old) for old in harvested] == ["credential_replayed"] * 2

    assert told(issued) == (["card_replayed"], "blocked")
    assert stored()[:-1] == before
    event = CardEvent.objects.get(card=issued.card, change="block")
    assert (event.actor, event.from_state) == ("site", "active")
    assert hot_list_version() > version
    found = list_open().get(key=str(issued.card.id))
    terminal = desk.till.shop.terminal
    assert found.found.startswith(
        f"{terminal.store.code} {terminal.name}: card {issued.card.last_four}, reading"
    )
    assert found.detail["credential"] == str(Credential.objects.get(card=issued.card, method="sun").pk)
    assert_ledger_is_clean()


def twice(desk: Desk, card: Ntag424) -> list[str | None]:
    """Show the last reading again, as a terminal does that asks before it sells."""
    shown = tap(desk, card)
    return [show(desk, shown), show(desk, shown, late=timedelta(hours=1))]


def parked(desk: Desk, card: Ntag424) -> list[str | None]:
    """Send a reading after a later one, which a terminal does that parked its transaction."""
    early, sequence = tap(desk, card), desk.till.shop.sequence + 1
    desk.till.shop.sequence += 1
    return [show(desk, tap(desk, card)), show(desk, early, sequence=sequence)]


def delayed(desk: Desk, card: Ntag424) -> list[str | None]:
    """Tap at a terminal whose call comes through after the card was used at another."""
    early, other = tap(desk, card), elsewhere(desk)
    return [show(other, tap(desk, card)), show(desk, early, late=timedelta(minutes=4))]


@pytest.mark.parametrize("use", [twice, parked, delayed])
def test_what_an_honest_card_does_is_refused_and_proves_nothing(
    given: Given, use: Callable[[Desk, Ntag424], list[str | None]]
) -> None:
    desk, issued, card = given

    assert use(desk, card) == [None, "credential_replayed"]

    assert told(issued) == ([], "active")


def test_old_reading_at_another_terminal_is_told_once_clocks_cannot_explain_it(given: Given) -> None:
    desk, issued, card = given
    harvested = tap(desk, card)
    assert show(elsewhere(desk), tap(desk, card)) is None

    assert show(desk, harvested, late=timedelta(minutes=6)) == "credential_replayed"

    assert told(issued) == (["card_replayed"], "blocked")


def test_old_reading_is_told_of_an_inquiry_too(given: Given) -> None:
    desk, issued, card = given
    harvested = tap(desk, card)
    assert show(desk, tap(desk, card)) is None

    with pytest.raises(Refused, match="credential_replayed"):
        desk.site.inquire(harvested)

    assert told(issued) == (["card_replayed"], "blocked")


@pytest.mark.parametrize("way", ["redeem", "inquiry", "challenge"])
def test_forged_message_is_told_and_leaves_the_card_alone(given: Given, way: str) -> None:
    desk, issued, card = given
    uri = tap(desk, card).uri
    forged = SunCard(uri=uri[:-1] + ("0" if uri[-1] != "0" else "1"))

    if way == "redeem":
        assert show(desk, forged) == "credential_refused"
    elif way == "inquiry":
        with pytest.raises(Refused, match="credential_refused"):
            desk.site.inquire(forged)
    else:
        request = {"technology": "ntag424", "uri": forged.uri}
        assert desk.till.client.call("POST", "cards/challenge", request).code == "NFC-CARD-02"

    assert told(issued) == (["card_forged"], "active")
    assert show(desk, tap(desk, card)) is None


def test_copy_that_answers_with_its_own_key_is_told_and_blocks_the_card(given: Given) -> None:
    desk, issued, card = given
    harvested = desk.lay(card)
    desk.table.field.put(desk.blank(card.uid.hex(), key_challenge="33" * 16))
    desk.table.wait()

    with pytest.raises(Refused, match="NFC-CARD-02"):
        prove(desk.site, desk.table.reader, harvested)

    assert told(issued) == (["card_key_wrong"], "blocked")


def test_felica_that_answers_with_another_key_is_told_and_not_blocked(given: Given) -> None:
    desk, _, _ = given
    issued, card = desk.till.issue(balance=10_000), desk.felica_blank(fresh_idm())
    desk.personalise(card, issued.number)
    copy = desk.felica_blank(card.uid.hex())

    with pytest.raises(Refused, match="NFC-CARD-02"):
        desk.prove(copy)

    assert told(issued) == (["card_key_wrong"], "active")


def test_card_that_a_person_let_run_again_is_not_blocked_by_a_repeat(given: Given) -> None:
    desk, issued, card = given
    harvested, at = tap(desk, card), datetime.now(UTC)
    assert show(desk, tap(desk, card)) is None
    shown = {"method": "sun", "uri": harvested.uri}
    body = desk.till.posting("redeem", card=shown, amount=100, currency="CNY")
    assert desk.till.post(body).json()["reason"] == "credential_replayed"
    found = list_open().get(key=str(issued.card.id))
    resolve(found.id, actor="manager", note="the holder was shown it", at=at)
    Program.objects.filter(pk=issued.card.program_id).update(unblock_alone_max=None)
    unblock = Unblock(card_id=issued.card.id, balance_minor=0, currency="CNY")
    assert asked_by(hire(desk.till.shop), unblock).is_executed

    assert desk.till.post(body).status == 200

    assert told(issued) == ([], "active")
    assert show(desk, tap(desk, card)) is None
