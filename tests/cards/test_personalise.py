"""Personalisation through an unmodified nfcpy: blanks become cards, and a tear at any frame is mended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from prepaid.cards import keys
from prepaid.cards.models import Card, Personalisation, Program
from prepaid.cards.presentation import read_sun
from prepaid.keys import add_card_keys, site_keys
from terminals.errors import Refused
from terminals.readers import ReaderError
from terminals.simulator.device import Injected
from terminals.simulator.felica_lite_s import CK, MC, FelicaLiteS
from terminals.simulator.ntag424 import Ntag424
from terminals.simulator.ntag424_files import NDEF_FILE, blank_files
from tests.api.conftest import Till
from tests.cardtable import Desk, chip_of, fresh_idm, fresh_uid, open_desk
from tests.shop import assert_ledger_is_clean, open_shop


def assert_done(desk: Desk, card: Ntag424, card_id: Any, version: int = 1) -> None:
    """Hold a chip to be personalised whole, bound to its card, and able to pay either way."""
    assert_bound(card, card_id, version)
    assert_pays(desk, card)


def assert_bound(card: Ntag424, card_id: Any, version: int = 1) -> None:
    assert card.versions == dict.fromkeys(range(5), version)
    assert card.keys == {number: keys.card_key(card.uid, number, version) for number in range(5)}
    intent = Personalisation.objects.get(card_id=card_id)
    assert (intent.state, intent.uid, intent.key_version) == ("done", None, version)
    chip = chip_of(card_id)
    assert chip is not None
    assert (bytes(chip.lookup), chip.key_version) == (site_keys().sun_lookup(card.uid), version)


def assert_pays(desk: Desk, card: Ntag424) -> None:
    assert desk.redeem(desk.lay(card).card, 1)["outcome"] == "approved"
    assert desk.redeem(desk.prove(card), 1)["outcome"] == "approved"


@pytest.mark.parametrize("random_uid", [False, True])
def test_blank_becomes_a_card_that_pays_by_message_and_by_challenge(desk: Desk, random_uid: bool) -> None:
    issued = desk.till.issue(balance=10_000)
    card = desk.blank(fresh_uid(), random_uid=random_uid)

    done = desk.personalise(card, issued.number)

    assert done.key_version == 1
    assert done.card is not None
    assert done.card.number_masked == issued.card.number_masked
    assert_done(desk, card, issued.card.id)
    assert_ledger_is_clean()


def test_writing_the_card_then_needs_key_0_and_its_message_is_mirrored(desk: Desk) -> None:
    _, card = desk.made()

    file = card.files[NDEF_FILE]

    assert (file.read, file.write, file.read_write, file.change) == (14, 0, 0, 0)
    assert file.sdm is not None
    assert (file.sdm.meta_read_key, file.sdm.file_read_key, file.sdm.counter_read_key) == (2, 1, 15)
    tap = desk.lay(card)
    assert tap.uri is not None
    assert tap.uri.startswith("https://cards.example/t?picc_data=")
    found = read_sun(tap.uri)
    assert found is not None
    assert (found[0].uid, found[1]) == (card.uid, 1)


def test_message_that_was_shown_while_the_card_was_made_is_used_up(desk: Desk) -> None:
    issued, card = desk.made()
    chip = chip_of(issued.card.id)
    assert chip is not None

    counter = chip.counter
    tap = desk.lay(card)

    assert tap.uri is not None
    found = read_sun(tap.uri)
    assert found is not None
    assert found[0].counter == counter + 1


def test_key_0_is_changed_last_and_after_the_others_were_read_back(desk: Desk) -> None:
    issued = desk.till.issue()
    changes: list[dict[int, int]] = []
    card = desk.blank(fresh_uid())
    card._keep = lambda kept: changes.append(dict(kept.versions))

    desk.personalise(card, issued.number)

    keyed = [sorted(number for number, version in kept.items() if version) for kept in changes]
    assert [kept for index, kept in enumerate(keyed) if kept not in keyed[:index]] == [
        [],
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 3, 4],
        [0, 1, 2, 3, 4],
    ]
    commands = [frame for frame in desk.table.device.frames if frame.startswith("106A")]
    change_of_key_0 = next(i for i, frame in enumerate(commands) if "90c400002900" in frame)
    assert len([frame for frame in commands[:change_of_key_0] if "906400000" in frame]) >= 10


def test_no_command_carries_more_than_forty_bytes_of_the_address(desk: Desk) -> None:
    issued = desk.till.issue()

    desk.personalise(desk.blank(fresh_uid()), issued.number)

    writes = [frame.partition(" ")[2] for frame in desk.table.device.frames if "00d600" in frame]
    assert len(writes) == 5
    assert max(int(frame[frame.index("00d6") + 8 :][:2], 16) for frame in writes) == 40


@pytest.mark.parametrize(
    ("kind", "random_uid"),
    [(Injected.TEAR_BEFORE, False), (Injected.TEAR_AFTER, False), (Injected.TEAR_AFTER, True)],
)
def test_blank_torn_at_every_frame_is_finished_by_the_next_attempt(
    desk: Desk, kind: Injected, random_uid: bool
) -> None:
    desk.personalise(desk.blank(fresh_uid(), random_uid=random_uid), desk.till.issue().number)
    frames = len(desk.table.device.frames)
    assert frames > 40
    for frame in range(1, frames + 1):
        issued = desk.till.issue(balance=2)
        card = desk.blank(fresh_uid(), random_uid=random_uid)
        with pytest.raises(ReaderError, match="NFC-RF-01"):
            desk.personalise(card, issued.number, {frame: kind})
        if any(card.versions.values()):
            # What may have been changed was intended before.
            assert Personalisation.objects.get(card=issued.card).state == "changing"
        assert chip_of(issued.card.id) is None

        desk.personalise(card, issued.number)

        assert_bound(card, issued.card.id)
        if frame % 7 == 0:
            assert_pays(desk, card)
    assert_ledger_is_clean()


def find_commit(desk: Desk) -> int:
    """Count the frames up to the one that changes key 0."""
    desk.personalise(desk.blank(fresh_uid()), desk.till.issue().number)
    return next(
        number for number, frame in enumerate(desk.table.device.frames, start=1) if "90c400002900" in frame
    )


def test_blank_torn_twice_at_the_commit_is_finished_by_the_third_attempt(desk: Desk) -> None:
    issued, commit = desk.till.issue(balance=10), find_commit(desk)
    card = desk.blank(fresh_uid())
    with pytest.raises(ReaderError):
        desk.personalise(card, issued.number, {commit: Injected.TEAR_AFTER})
    assert card.versions[0] == 1
    with pytest.raises(ReaderError):
        desk.personalise(card, issued.number, {8: Injected.TEAR_BEFORE})

    desk.personalise(card, issued.number)

    assert_done(desk, card, issued.card.id)


def test_torn_blank_is_finished_with_the_version_that_it_was_begun_with(
    desk: Desk, settings: Settings, tmp_path: Any
) -> None:
    issued, commit = desk.till.issue(balance=10), find_commit(desk)
    settings.KEYS_FILE = copied(settings.KEYS_FILE, tmp_path)
    card = desk.blank(fresh_uid())
    with pytest.raises(ReaderError):
        desk.personalise(card, issued.number, {commit - 2: Injected.TEAR_AFTER})
    assert any(card.versions.values())

    add_card_keys(settings.KEYS_FILE)
    desk.personalise(card, issued.number)

    assert_done(desk, card, issued.card.id, version=1)
    fresh, new = desk.made()
    assert_done(desk, new, fresh.card.id, version=2)
    assert desk.redeem(desk.lay(card).card, 1)["outcome"] == "approved"


def copied(path: Any, folder: Any) -> Any:
    place = folder / "keys.json"
    place.write_bytes(path.read_bytes())
    place.chmod(0o600)
    return place


def test_blank_that_was_begun_for_one_card_may_be_finished_as_another(desk: Desk) -> None:
    first, second, commit = desk.till.issue(), desk.till.issue(balance=10), find_commit(desk)
    card = desk.blank(fresh_uid())
    with pytest.raises(ReaderError):
        desk.personalise(card, first.number, {commit: Injected.TEAR_AFTER})

    desk.personalise(card, second.number)
    desk.personalise(desk.blank(fresh_uid()), first.number)

    assert_done(desk, card, second.card.id)
    assert chip_of(first.card.id) is not None


def test_chip_of_one_card_is_not_taken_for_another(desk: Desk) -> None:
    _, card = desk.made()
    other = desk.till.issue()
    before = (dict(card.keys), dict(card.versions))

    with pytest.raises(Refused) as refused:
        desk.personalise(card, other.number)

    assert refused.value.code == "already_bound"
    assert (card.keys, card.versions) == before
    assert chip_of(other.card.id) is None


def test_card_that_has_its_chip_takes_no_second_one(desk: Desk) -> None:
    issued, _ = desk.made()

    with pytest.raises(Refused, match="already_bound"):
        desk.personalise(desk.blank(fresh_uid()), issued.number)


def test_chip_with_keys_of_somebody_else_is_left_alone(desk: Desk) -> None:
    issued = desk.till.issue()
    foreign = desk.blank(fresh_uid(), key_meta="11" * 16, key_file="22" * 16, key_master="33" * 16)
    before = (dict(foreign.keys), foreign.files[NDEF_FILE].content)

    with pytest.raises(Refused, match="NFC-CARD-01"):
        desk.personalise(foreign, issued.number)

    assert (foreign.keys, foreign.files[NDEF_FILE].content) == before
    desk.personalise(desk.blank(fresh_uid()), issued.number)


def test_tag_that_takes_no_keys_is_told_at_once(desk: Desk) -> None:
    issued = desk.till.issue()
    tag: Any = desk.table.card(technology="ntag215", uid=fresh_uid())

    with pytest.raises(ReaderError, match="NFC-CARD-01"):
        desk.personalise(tag, issued.number)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "blocked"}, "card_blocked"),
        ({"state": "lost"}, "card_lost"),
        ({"state": "closed"}, "card_closed"),
        ({"issued_at": datetime.now(UTC) - timedelta(hours=25)}, "credential_refused"),
    ],
)
def test_card_that_may_not_get_a_chip_any_more_is_refused(
    desk: Desk, change: dict[str, Any], code: str
) -> None:
    issued = desk.till.issue()
    Card.objects.filter(pk=issued.card.pk).update(**change)
    blank = desk.blank(fresh_uid())

    with pytest.raises(Refused, match=code):
        desk.personalise(blank, issued.number)

    assert not any(blank.versions.values())
    assert not Personalisation.objects.filter(card=issued.card).exists()


def test_unknown_number_and_program_without_chips_are_refused(desk: Desk) -> None:
    issued = desk.till.issue()

    with pytest.raises(Refused, match="card_unknown"):
        desk.personalise(desk.blank(fresh_uid()), "8600000000000000")
    Program.objects.filter(pk=desk.till.shop.program.pk).update(allowed_credentials=["number"])
    with pytest.raises(Refused, match="type_not_allowed"):
        desk.personalise(desk.blank(fresh_uid()), issued.number)


def test_card_of_another_store_gets_no_chip_here(desk: Desk, tmp_path: Any) -> None:
    issued = desk.till.issue()
    (tmp_path / "other").mkdir()
    other = open_desk(Till(shop=open_shop()), tmp_path / "other")

    with pytest.raises(Refused, match="credential_refused"):
        other.personalise(other.blank(fresh_uid()), issued.number)


def felica_done(desk: Desk, card: FelicaLiteS, card_id: Any) -> None:
    chip = chip_of(card_id)
    assert chip is not None
    assert (chip.method, chip.key_version) == ("challenge", 1)
    assert card.blocks[MC][2] == 0
    assert desk.redeem(desk.present(card, 1, None), 1)["outcome"] == "approved"


def test_felica_gets_its_key_and_is_locked(desk: Desk) -> None:
    issued, card = desk.till.issue(balance=10), desk.felica_blank(fresh_idm())

    done = desk.personalise(card, issued.number)

    assert done.key_version == 1
    key = keys.felica_key(card.uid, 1)
    assert card.blocks[CK] == key[7::-1] + key[15:7:-1]
    felica_done(desk, card, issued.card.id)


@pytest.mark.parametrize("kind", [Injected.TEAR_BEFORE, Injected.TEAR_AFTER])
def test_felica_torn_at_every_frame_is_finished_by_the_next_attempt(desk: Desk, kind: Injected) -> None:
    whole = desk.till.issue()
    desk.personalise(desk.felica_blank(fresh_idm()), whole.number)
    frames = len(desk.table.device.frames)
    assert frames >= 7
    for frame in range(1, frames + 1):
        issued, card = desk.till.issue(balance=10), desk.felica_blank(fresh_idm())
        with pytest.raises(ReaderError, match="NFC-RF-01"):
            desk.personalise(card, issued.number, {frame: kind})
        assert chip_of(issued.card.id) is None

        desk.personalise(card, issued.number)

        felica_done(desk, card, issued.card.id)


def test_felica_locked_under_a_foreign_key_is_left_alone(desk: Desk) -> None:
    issued = desk.till.issue()
    foreign = desk.felica_blank(fresh_idm(), key_card="41" * 16, key_version=1)
    before = dict(foreign.blocks)

    with pytest.raises(Refused, match="NFC-CARD-01"):
        desk.personalise(foreign, issued.number)

    assert foreign.blocks == before
    assert chip_of(issued.card.id) is None


def test_chip_that_does_not_tell_its_rights_is_personalised_and_finished_after_a_tear_too(desk: Desk) -> None:
    class Silent(Ntag424):
        def answer_command(self, command: bytes) -> bytes:
            return b"\x91\x9d" if command[:2] == b"\x90\xf5" else super().answer_command(command)

    faults: list[dict[int, Injected]] = [
        {},
        {20: Injected.TEAR_AFTER},
        {27: Injected.TEAR_AFTER},
        {31: Injected.TEAR_AFTER},
    ]
    for fault in faults:
        issued = desk.till.issue(balance=2)
        card = Silent(
            number=1,
            label="",
            uid=bytes.fromhex(fresh_uid()),
            keys={},
            files=blank_files(),
            count=iter(range(1, 100)).__next__,
        )
        if fault:
            with pytest.raises(ReaderError):
                desk.personalise(card, issued.number, fault)
        desk.personalise(card, issued.number)
        assert_done(desk, card, issued.card.id)


def test_what_was_begun_in_time_is_finished_later_on_the_same_blank_alone(desk: Desk) -> None:
    issued, commit = desk.till.issue(balance=10), find_commit(desk)
    card = desk.blank(fresh_uid())
    with pytest.raises(ReaderError):
        desk.personalise(card, issued.number, {commit: Injected.TEAR_AFTER})
    Card.objects.filter(pk=issued.card.pk).update(issued_at=datetime.now(UTC) - timedelta(days=3))

    with pytest.raises(Refused, match="credential_refused"):
        desk.personalise(desk.blank(fresh_uid()), issued.number)
    desk.personalise(card, issued.number)

    assert_done(desk, card, issued.card.id)
