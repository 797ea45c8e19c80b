"""The virtual NTAG 424 DNA against the site's side of secure messaging, and against a card's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from prepaid.cards import ev2
from prepaid.cards.template import make_template
from terminals.simulator.cards import CardDescription, make_card, memories_of
from terminals.simulator.counters import Counters
from terminals.simulator.felica_lite_s import CK, MC, FelicaLiteS
from terminals.simulator.ntag424 import Ntag424
from terminals.simulator.ntag424_files import NDEF_FILE, StandardFile, blank_files

ZEROS, NEW, OTHER = bytes(16), b"N" * 16, b"O" * 16
SELECT = bytes.fromhex("00a4040c07d276000085010100")
SELECT_FILE = bytes.fromhex("00a4000c02e104")


def blank() -> Ntag424:
    counts = iter(range(1, 100))
    return Ntag424(
        number=1,
        label="",
        uid=bytes.fromhex("04a1b2c3d4e5f6"),
        keys={},
        files=blank_files(),
        count=counts.__next__,
    )


def authenticated(card: Ntag424, key: bytes = ZEROS, number: int = 0) -> ev2.SecureMessaging:
    card.answer_command(SELECT)
    random_a = b"A" * 16
    random_b = ev2.read_challenge(key, card.answer_command(ev2.begin_authentication(number)))
    answer = card.answer_command(ev2.continue_authentication(key, random_a=random_a, random_b=random_b))
    return ev2.finish_authentication(key, answer, random_a=random_a, random_b=random_b)


def test_each_key_authenticates_and_no_other_does() -> None:
    card = blank()
    card.keys[3] = NEW

    authenticated(card, NEW, 3)
    with pytest.raises(ev2.AnswerRefused, match="91AE"):
        authenticated(card, OTHER, 3)
    with pytest.raises(ev2.AnswerRefused, match="9140"):
        authenticated(card, ZEROS, 5)


def test_keys_settings_and_identity_go_through_secure_messaging() -> None:
    card = blank()
    messaging = authenticated(card)
    template = make_template("https://cards.example/t")

    assert messaging.read_full_response(card.answer_command(messaging.mac_command(0x51))) == card.uid
    messaging = messaging.after()
    settings = messaging.full_command(0x5F, b"\x02", template.settings)
    assert messaging.read_mac_response(card.answer_command(settings)) == b""
    messaging = messaging.after()
    changed = messaging.change_key(2, new=NEW, version=9, old=ZEROS)
    assert messaging.read_mac_response(card.answer_command(changed)) == b""
    messaging = messaging.after()
    asked = messaging.mac_command(0x64, b"\x02")
    assert messaging.read_mac_response(card.answer_command(asked)) == b"\x09"
    messaging = messaging.after()
    assert card.answer_command(messaging.change_key(0, new=OTHER, version=9)) == b"\x91\x00"

    assert (card.keys[2], card.keys[0], card.versions) == (NEW, OTHER, {0: 9, 1: 0, 2: 9, 3: 0, 4: 0})
    assert card.files[NDEF_FILE].settings()[1:4] + card.files[NDEF_FILE].settings()[7:] == template.settings
    authenticated(card, OTHER)


@pytest.mark.parametrize(
    ("bad", "status"),
    [("mac", "911e"), ("old", "911e"), ("order", "911e"), ("number", "9140"), ("short", "911e")],
)
def test_wrong_change_of_a_key_changes_nothing_and_ends_the_session(bad: str, status: str) -> None:
    card = blank()
    messaging = authenticated(card)
    if bad == "order":
        messaging = messaging.after()
    old = OTHER if bad == "old" else ZEROS
    command = messaging.change_key(7 if bad == "number" else 2, new=NEW, version=1, old=old)
    if bad == "mac":
        command = command[:-2] + bytes([command[-2] ^ 1]) + command[-1:]
    if bad == "short":
        command = ev2.apdu(0xC4, command[5:-17])

    assert card.answer_command(command).hex() == status

    assert card.keys[2] == ZEROS
    assert card.answer_command(ev2.apdu(0xC4, b"\x02" + bytes(40))).hex() == "91ae"


def test_only_key_0_changes_keys_and_settings() -> None:
    card = blank()
    messaging = authenticated(card, ZEROS, 1)

    assert card.answer_command(messaging.change_key(2, new=NEW, version=1, old=ZEROS)).hex() == "919d"
    messaging = authenticated(card, ZEROS, 1)
    assert card.answer_command(messaging.full_command(0x5F, b"\x02", b"\x00\x00\xe0")).hex() == "919d"


@pytest.mark.parametrize("settings", ["40", "4000e0c1ff21", "4000e041ff21000000000000000000", "0000e000"])
def test_settings_that_are_not_well_formed_are_refused(settings: str) -> None:
    card = blank()
    messaging = authenticated(card)
    before = card.files[NDEF_FILE].settings()

    answer = card.answer_command(messaging.full_command(0x5F, b"\x02", bytes.fromhex(settings)))

    assert answer.hex() == "919e"
    assert card.files[NDEF_FILE].settings() == before


def test_blank_is_written_by_anybody_and_a_personalised_one_by_key_0_alone() -> None:
    card = blank()
    write = bytes.fromhex("00d6000002abcd")
    card.answer_command(SELECT)
    card.answer_command(SELECT_FILE)
    assert card.answer_command(write) == b"\x90\x00"
    assert card.answer_command(bytes.fromhex("00d600ff02abcd")) == b"\x6b\x00"
    card.files[NDEF_FILE] = StandardFile(card.files[NDEF_FILE].content, sdm=None)

    assert card.answer_command(write) == b"\x69\x82"
    authenticated(card)
    card.answer_command(SELECT_FILE)
    assert card.answer_command(write) == b"\x90\x00"


def test_losing_the_field_loses_the_session() -> None:
    card = blank()
    messaging = authenticated(card)

    card.power_off()

    card.answer_command(SELECT)
    assert card.answer_command(messaging.change_key(2, new=NEW, version=1, old=ZEROS)).hex() == "91ae"
    assert card.answer_command(ev2.apdu(0x64, b"\x02")).hex() == "009100"


def test_what_a_card_became_outlives_the_program(tmp_path: Path) -> None:
    described = CardDescription(card=1, uid="04a1b2c3d4e5f6")
    felica = CardDescription(card=2, uid="012e010203040506", technology="felica_lite_s")
    template = make_template("https://cards.example/t")
    path = tmp_path / "cards.json"
    with Counters(tmp_path / "counters.json") as counters:
        card = make_card(described, counters, memories=memories_of(path))
        assert isinstance(card, Ntag424)
        card.answer_command(SELECT)
        card.answer_command(SELECT_FILE)
        for write in template.writes:
            assert card.answer_command(write) == b"\x90\x00"
        messaging = authenticated(card)
        card.answer_command(messaging.full_command(0x5F, b"\x02", template.settings))
        card.answer_command(messaging.after().change_key(0, new=NEW, version=3))
        other = make_card(felica, counters, memories=memories_of(path))
        assert isinstance(other, FelicaLiteS)
        other.answer("212F", b"\x20\x08" + other.uid + bytes.fromhex("010900018087") + OTHER)

        again = make_card(described, counters, memories=memories_of(path))
        other_again = make_card(felica, counters, memories=memories_of(path))

    assert isinstance(again, Ntag424)
    assert (again.keys, again.versions) == (card.keys, card.versions)
    assert again.files[NDEF_FILE] == card.files[NDEF_FILE]
    assert isinstance(other_again, FelicaLiteS)
    assert (other_again.blocks[CK], other_again.blocks[MC][2]) == (OTHER, 0xFF)
