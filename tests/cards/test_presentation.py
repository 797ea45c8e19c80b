"""What each method of presenting a card comes down to: one table, and SUN under several keys."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django import Settings

from prepaid.cards import keys
from prepaid.cards.presentation import Presentation, at_the_desk, present
from prepaid.identifiers import uuid7
from prepaid.keys import read_or_make_keys, site_keys
from terminals import messages
from tests.sun import sun_uri

UID = bytes.fromhex("04de5f1eacc040")
NUMBER = "8600123456789012"
CODE = "87001234567890123458"
REFUSED_SUN = Presentation("sun", refusal="credential_refused")
UNKNOWN_NUMBER = Presentation("number", refusal="card_unknown")


@pytest.fixture(autouse=True)
def keys_file(tmp_path: Path, settings: Settings) -> Path:
    """Give the site keys of its own, and the path of their file."""
    settings.KEYS_FILE = tmp_path / "keys.json"
    read_or_make_keys(settings.KEYS_FILE)
    return tmp_path / "keys.json"


def tap(*, uid: bytes = UID, counter: int = 61, version: int = 1) -> str:
    """Give the address that a card of ours shows at a reading."""
    return sun_uri(uid, counter, key_meta=keys.meta_key(version), key_file=keys.file_key(uid, version))


def read(**card: Any) -> Presentation:
    """Present a card as it comes off the wire."""
    return present(msgspec.convert(card, messages.Card))


def rows() -> list[tuple[dict[str, str], Presentation]]:
    known = site_keys()
    number, other = known.number_lookup(NUMBER), uuid7().hex
    return [
        ({"method": "sun", "uri": tap()}, Presentation("sun", known.sun_lookup(UID), 61, 1)),
        ({"method": "sun", "uri": tap(counter=0)}, Presentation("sun", known.sun_lookup(UID), 0, 1)),
        ({"method": "sun", "uri": tap()[:-1] + "x"}, REFUSED_SUN),
        ({"method": "sun", "uri": "https://cards.example/"}, REFUSED_SUN),
        ({"method": "number", "number": NUMBER}, Presentation("number", number)),
        (
            {"method": "number", "number": " 8600 1234 5678 9012", "pin": "123 456"},
            Presentation("number", number, pin_mac=known.pin_mac(number, "123456")),
        ),
        ({"method": "number", "number": NUMBER[:-1] + "3"}, UNKNOWN_NUMBER),
        ({"method": "number", "number": CODE, "pin": "123456"}, UNKNOWN_NUMBER),
        ({"method": "qr", "code": CODE}, Presentation("qr", known.qr_lookup(CODE))),
        ({"method": "qr", "code": CODE[:-1]}, Presentation("qr", refusal="card_unknown")),
        ({"method": "qr", "code": NUMBER}, Presentation("qr", refusal="card_unknown")),
        (
            {"method": "uid", "uid": UID.hex().upper(), "technology": "ntag215"},
            Presentation("uid", known.uid_lookup(UID)),
        ),
        ({"method": "token", "token": other}, Presentation("token", known.token_lookup(other))),
        ({"method": "pay_code", "code": other}, Presentation("pay_code", refusal="credential_refused")),
    ]


def test_each_method_comes_down_to_what_the_table_says() -> None:
    for card, expected in rows():
        assert read(**card) == expected, card


def test_table_has_every_method_of_the_api() -> None:
    told = {member.__struct_config__.tag for member in messages.Card.__args__}

    assert {card["method"] for card, _ in rows()} == told


def test_entry_makes_no_difference() -> None:
    for card, expected in rows():
        assert read(**card, entry="tap") == expected


def test_one_identity_is_found_by_its_own_method_alone() -> None:
    known = site_keys()

    lookups = {known.sun_lookup(UID), known.uid_lookup(UID), known.qr_lookup(CODE), known.number_lookup(CODE)}

    assert len(lookups) == 4
    assert {len(lookup) for lookup in lookups} == {32}


def test_same_pin_of_two_cards_is_stored_differently() -> None:
    known = site_keys()

    assert known.pin_mac(b"a" * 32, "123456") != known.pin_mac(b"b" * 32, "123456")


def test_lookup_reveals_no_number() -> None:
    presentation = read(method="number", number=NUMBER, pin="123456")

    shown = repr(presentation) + repr(astuple(presentation))
    assert NUMBER not in shown
    assert "123456" not in shown


@pytest.mark.parametrize("place", range(32))
def test_any_changed_digit_of_the_encrypted_part_is_refused(place: int) -> None:
    uri = tap()
    at = uri.index("picc_data=") + len("picc_data=") + place
    changed = uri[:at] + ("0" if uri[at] != "0" else "1") + uri[at + 1 :]

    assert read(method="sun", uri=changed) == REFUSED_SUN


def test_card_of_another_site_is_refused(tmp_path: Path, settings: Settings) -> None:
    uri = tap()
    settings.KEYS_FILE = tmp_path / "other.json"
    read_or_make_keys(settings.KEYS_FILE)

    assert read(method="sun", uri=uri) == REFUSED_SUN


def test_message_signed_with_the_key_of_another_card_is_refused() -> None:
    own, other = tap(), tap(uid=bytes.fromhex("04ffffffffffff"))
    mixed = own.split("&cmac=")[0] + "&cmac=" + other.split("&cmac=")[1]

    assert read(method="sun", uri=mixed) == REFUSED_SUN


def add_version(keys_file: Path, version: int) -> None:
    stored = json.loads(keys_file.read_text())
    stored["sun"].append({"version": version, "meta": "0a" * 16, "master": "0b" * 16})
    keys_file.write_text(json.dumps(stored))


def test_cards_of_each_key_version_are_read_after_a_rotation(keys_file: Path) -> None:
    old = tap(version=1)
    add_version(keys_file, 2)

    assert keys.newest_version() == 2
    assert read(method="sun", uri=old).key_version == 1
    assert read(method="sun", uri=tap(version=2, counter=5)) == Presentation(
        "sun", site_keys().sun_lookup(UID), 5, 2
    )


def test_cards_of_a_withdrawn_key_version_are_refused(keys_file: Path) -> None:
    add_version(keys_file, 2)
    old = tap(version=1)
    stored = json.loads(keys_file.read_text())
    keys_file.write_text(json.dumps(stored | {"sun": stored["sun"][1:]}))

    assert read(method="sun", uri=old) == REFUSED_SUN


def test_each_card_has_a_key_of_its_own() -> None:
    made = {keys.file_key(bytes([4, *bytes(5), last]), 1) for last in range(20)}

    assert len(made) == 20
    assert {len(key) for key in made} == {16}


def test_staff_present_the_card_that_they_opened() -> None:
    card_id = uuid7()

    assert at_the_desk(card_id) == Presentation("desk", card_id=card_id)
