"""The MAC of a FeliCa Lite-S against a published value, its frames, and nfcpy's own authentication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nfc.clf
import nfc.tag
import pytest

from prepaid.cards import felica
from prepaid.cards.ev2 import AnswerForged, AnswerRefused
from tests.terminals.card_table import Table

CARD_KEY = b"0123456789abcdef"
CHALLENGE = bytes(range(16))
IDM = bytes.fromhex("02fe010203040506")


def test_mac_of_a_challenge_is_the_published_one() -> None:
    assert felica.session_key(CARD_KEY, CHALLENGE).hex() == "b636d955a9f0e2cc48b106f95506c3f6"
    assert felica.mac_of(bytes(16), card_key=CARD_KEY, challenge=CHALLENGE).hex() == "cc97f1b97b8bbc79"


def test_frames_are_those_of_the_manual() -> None:
    read = felica.read_blocks(IDM, felica.ID, felica.MAC).hex()
    written = felica.write_block(IDM, felica.RC, CHALLENGE).hex()

    assert read == f"1206{IDM.hex()}010b000280828081"
    assert written == f"2008{IDM.hex()}010900018080{CHALLENGE.hex()}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("", AnswerRefused),
        ("0c09" + IDM.hex() + "01a8", AnswerRefused),
        ("0c09" + "00" * 8 + "0000", AnswerForged),
        ("0c07" + IDM.hex() + "0000", AnswerRefused),
        ("0d09" + IDM.hex() + "0000", AnswerRefused),
    ],
)
def test_writing_that_was_not_taken_is_told(answer: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        felica.expect_written(bytes.fromhex(answer), IDM)


def test_blocks_of_another_count_are_refused() -> None:
    answer = bytes.fromhex("1d07" + IDM.hex() + "000001" + "00" * 16)

    assert felica.blocks_of(answer, IDM, count=1) == [bytes(16)]
    with pytest.raises(AnswerForged):
        felica.blocks_of(answer, IDM, count=2)


@pytest.mark.parametrize("place", range(8))
def test_changed_byte_of_the_mac_proves_nothing(place: int) -> None:
    mac = bytearray.fromhex("cc97f1b97b8bbc79")
    mac[place] ^= 1

    with pytest.raises(AnswerForged):
        felica.check_mac(bytes(16), bytes(mac) + bytes(8), card_key=CARD_KEY, challenge=CHALLENGE)


def activated(table: Table, **changes: Any) -> nfc.tag.Tag:
    table.field.put(table.card(technology="felica_lite_s", uid=IDM.hex(), **changes))
    frontend = table.connect("")
    return nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("212F")))


def test_virtual_card_proves_its_key_to_nfcpy_both_ways_and_counts_writings(tmp_path: Path) -> None:
    tag = activated(Table(tmp_path), key_card=CARD_KEY.hex(), key_version=1)

    assert not tag.authenticate(b"fedcba9876543210")
    assert tag.authenticate(CARD_KEY)
    before = tag.read_without_mac(0x90)[0]
    tag.write_with_mac(bytes(range(16)), 5)

    assert tag.read_with_mac(5) == bytes(range(16))
    assert tag.read_without_mac(0x90)[0] == before + 1


def test_virtual_blank_takes_a_key_from_nfcpy_and_is_locked_then(tmp_path: Path) -> None:
    table = Table(tmp_path)
    tag = activated(table)

    assert tag.protect(CARD_KEY.decode(), protect_from=14)
    assert tag.authenticate(CARD_KEY)
    assert tag.read_without_mac(0x88)[2] == 0
    assert tag.read_without_mac(0x87) == bytes(16)
    with pytest.raises(nfc.tag.TagCommandError):
        tag.write_without_mac(bytes(16), 0x87)
