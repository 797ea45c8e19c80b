"""DESFire EV2 cards through an unmodified nfcpy: an application of ours, its key, and the challenge."""

from __future__ import annotations

import pytest

from prepaid.cards import desfire, keys
from terminals.conversations import prove
from terminals.errors import Refused
from terminals.messages import TokenCard
from terminals.readers import ReaderError
from terminals.simulator.desfire import Desfire
from terminals.simulator.device import Injected
from tests.api.conftest import stored
from tests.cardtable import Desk, chip_of, fresh_uid
from tests.shop import assert_ledger_is_clean


def assert_done(desk: Desk, card: Desfire, card_id: object) -> None:
    assert card.applications == {desfire.APPLICATION: (keys.desfire_key(card.uid, 1), 1)}
    chip = chip_of(card_id)  # type: ignore[arg-type]
    assert chip is not None
    assert (chip.method, chip.key_version) == ("challenge", 1)
    shown = desk.present(card, 1, None)
    assert isinstance(shown, TokenCard)
    assert desk.redeem(shown, 1)["outcome"] == "approved"


def test_desfire_gets_an_application_with_its_key_and_pays_by_challenge(desk: Desk) -> None:
    issued, card = desk.till.issue(balance=10), desk.desfire_blank(fresh_uid())

    tap = desk.lay(card)
    done = desk.personalise(card, issued.number)

    assert tap.technology == "desfire_ev2"
    assert done.key_version == 1
    assert_done(desk, card, issued.card.id)
    assert_ledger_is_clean()


@pytest.mark.parametrize("kind", [Injected.TEAR_BEFORE, Injected.TEAR_AFTER])
def test_desfire_torn_at_every_frame_is_finished_by_the_next_attempt(desk: Desk, kind: Injected) -> None:
    desk.personalise(desk.desfire_blank(fresh_uid()), desk.till.issue().number)
    frames = len(desk.table.device.frames)
    assert frames >= 12
    for frame in range(1, frames + 1):
        issued, card = desk.till.issue(balance=10), desk.desfire_blank(fresh_uid())
        with pytest.raises(ReaderError, match="NFC-RF-01"):
            desk.personalise(card, issued.number, {frame: kind})
        assert chip_of(issued.card.id) is None

        desk.personalise(card, issued.number)

        assert_done(desk, card, issued.card.id)


def test_clone_of_a_desfire_with_a_key_of_its_own_is_refused_and_moves_nothing(desk: Desk) -> None:
    issued, card = desk.till.issue(balance=10), desk.desfire_blank(fresh_uid())
    desk.personalise(card, issued.number)
    clone = desk.desfire_blank(card.uid.hex())
    clone.applications = {desfire.APPLICATION: (b"C" * 16, 1)}
    before = stored()

    tap = desk.lay(clone)
    with pytest.raises(Refused, match="NFC-CARD-02"):
        prove(desk.site, desk.table.reader, tap)

    assert stored() == before


@pytest.mark.parametrize("what", ["random", "foreign"])
def test_desfire_that_cannot_be_ours_is_left_alone(desk: Desk, what: str) -> None:
    issued = desk.till.issue()
    card = desk.desfire_blank(fresh_uid(), random_uid=what == "random")
    if what == "foreign":
        card.applications = {desfire.APPLICATION: (b"F" * 16, 1)}
    before = dict(card.applications)

    with pytest.raises(Refused, match="NFC-CARD-01"):
        desk.personalise(card, issued.number)

    assert card.applications == before
    assert chip_of(issued.card.id) is None
