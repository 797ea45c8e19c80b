"""A card has one PIN and one count of wrong tries, whatever shows it: chip, challenge, code or number."""

from __future__ import annotations

import pytest

from prepaid.cards.models import Credential, Program
from prepaid.cards.pins import set_pin
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard
from terminals import messages
from terminals.presenting import with_pin
from terminals.simulator.ntag424 import Ntag424
from tests.cardtable import Desk
from tests.shop import NOON, assert_ledger_is_clean

WAYS = ("sun", "token", "qr", "number")


@pytest.fixture
def made(desk: Desk) -> tuple[IssuedCard, Ntag424]:
    """A card with a chip that was personalised after its PIN was told, which is asked for above 10.00."""
    Program.objects.filter(pk=desk.till.shop.program.pk).update(pin_above=1_000)
    return desk.made()


def shown(desk: Desk, made: tuple[IssuedCard, Ntag424], way: str) -> messages.Card:
    issued, chip = made
    if way == "sun":
        return desk.lay(chip).card
    if way == "token":
        return desk.prove(chip)
    if way == "qr":
        return messages.QrCard(code=issued.qr or "")
    return messages.NumberCard(number=issued.number or "")


@pytest.mark.parametrize("way", WAYS)
def test_what_asks_for_the_pin_takes_the_card_s_own(
    desk: Desk, made: tuple[IssuedCard, Ntag424], way: str
) -> None:
    pin = made[0].pin or ""

    assert desk.redeem(shown(desk, made, way), 1_001)["reason"] == "pin_required"
    assert desk.redeem(with_pin(shown(desk, made, way), "0000"), 1_001)["reason"] == "pin_wrong"
    assert desk.redeem(with_pin(shown(desk, made, way), pin), 1_001)["balance"] == 8_999
    assert_ledger_is_clean()


def test_wrong_tries_are_counted_together(desk: Desk, made: tuple[IssuedCard, Ntag424]) -> None:
    for way in ("sun", "token", "qr", "number", "sun"):
        assert desk.redeem(with_pin(shown(desk, made, way), "0000"), 1_001)["reason"] == "pin_wrong"

    for way in WAYS:
        answer = desk.redeem(with_pin(shown(desk, made, way), made[0].pin), 1_001)
        assert (answer["reason"], answer["money_moved"]) == ("pin_locked", "no")
    assert Credential.objects.get(card=made[0].card, method="number").pin_failures == 5
    assert_ledger_is_clean()


@pytest.mark.parametrize("way", WAYS)
def test_new_pin_is_that_of_the_chip_as_well_and_the_old_one_is_dead(
    desk: Desk, made: tuple[IssuedCard, Ntag424], way: str
) -> None:
    new = set_pin(made[0].card.id, event_id=uuid7(), actor="op-1", at=NOON, reason="forgotten").pin

    assert desk.redeem(with_pin(shown(desk, made, way), made[0].pin), 1_001)["reason"] == "pin_wrong"
    assert desk.redeem(with_pin(shown(desk, made, way), new), 1_001)["outcome"] == "approved"
    assert_ledger_is_clean()


def test_token_with_a_pin_pays_above_both_floors(desk: Desk, made: tuple[IssuedCard, Ntag424]) -> None:
    desk.set_floor(1_000)

    tapped = desk.redeem(with_pin(shown(desk, made, "sun"), made[0].pin), 1_001)
    proved = desk.redeem(with_pin(shown(desk, made, "token"), made[0].pin), 1_001)

    assert (tapped["reason"], proved["outcome"]) == ("credential_refused", "approved")
    assert_ledger_is_clean()
