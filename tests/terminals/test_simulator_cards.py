"""Virtual cards against published vectors, the rules of their protocols, and nfcpy's own tag classes."""

from __future__ import annotations

from pathlib import Path

import nfc.clf
import nfc.tag
import pytest

from prepaid.cards.crypto import SunForged, parse_sun, verify_sun
from terminals.simulator.field import Collision, Field, VirtualCard
from terminals.simulator.iso_dep import IsoDep
from terminals.simulator.ntag424 import Ntag424
from terminals.simulator.ntag424_files import personalised_files
from terminals.simulator.sdm import SdmSettings, mirror
from terminals.simulator.type_a import TypeACard
from tests.terminals.card_table import KEY_FILE, KEY_META, URI_BASE, Table

ZERO_KEY = bytes(16)
SELECT_APPLICATION = bytes.fromhex("00a4040007d276000085010100")
SELECT_NDEF = bytes.fromhex("00a4000c02e104")
READ_HEAD = bytes.fromhex("00b0000002")
READ_ALL = bytes.fromhex("00b0000000")


@pytest.mark.parametrize(
    ("uid", "counter", "padding", "picc_data", "enc", "mac"),
    [
        ("04de5f1eacc040", 61, "da5cf60941", "EF963FF7828658A599F3041510671E88", "", "94EED9EE65337086"),
        (
            *("04958caa5c5e80", 8, "a243c86dfc", "FD91EC264309878BE6345CBE53BADF40"),
            *("CEE9A53E3E463EF1F459635736738962", "ECC1E7F6C6C73BF6"),
        ),
    ],
)
def test_mirrored_message_is_that_of_an12196(
    uid: str, counter: int, padding: str, picc_data: str, enc: str, mac: str
) -> None:
    """The plain content of the second is sixteen times the letter x."""
    content = "0" * 32 + ("&enc=" + "x" * 16 + "0" * 16 if enc else "") + "&cmac=" + "0" * 16
    settings = SdmSettings(
        picc_data_offset=0,
        mac_input_offset=37 if enc else 38,
        mac_offset=75 if enc else 38,
        enc_offset=37 if enc else 0,
        enc_length=len(enc),
    )

    shown = mirror(
        content.encode(),
        settings,
        meta_key=ZERO_KEY,
        file_key=ZERO_KEY,
        uid=bytes.fromhex(uid),
        counter=counter,
        padding=bytes.fromhex(padding),
    )

    assert shown.decode() == picc_data + (f"&enc={enc}" if enc else "") + f"&cmac={mac}"


def ntag424() -> Ntag424:
    counts = iter(range(1, 1000))
    return Ntag424(
        number=1,
        label="",
        uid=bytes.fromhex("04a1b2c3d4e5f6"),
        keys={1: KEY_FILE, 2: KEY_META},
        files=personalised_files(URI_BASE),
        count=lambda: next(counts),
    )


def selected() -> Ntag424:
    card = ntag424()
    assert card.answer_command(SELECT_APPLICATION) == b"\x90\x00"
    assert card.answer_command(SELECT_NDEF) == b"\x90\x00"
    return card


def count_of(answer: bytes) -> int:
    uri = "https://" + answer[7 : 2 + int.from_bytes(answer[:2])].decode()
    return verify_sun(parse_sun(uri), key_meta=KEY_META, file_key_for=lambda uid: KEY_FILE).counter


def test_readings_that_follow_one_another_show_one_message() -> None:
    card = selected()

    whole = card.answer_command(READ_ALL)
    pieces = [card.answer_command(bytes([0, 0xB0, 0, offset, 8]))[:8] for offset in range(0, 80, 8)]

    assert b"".join(pieces) == whole[:80]
    assert count_of(whole) == 1
    assert card.answer_command(READ_ALL) == whole


@pytest.mark.parametrize("between", [SELECT_NDEF, bytes.fromhex("9060000000"), bytes.fromhex("00ff000000")])
def test_any_other_command_between_two_readings_makes_another_message(between: bytes) -> None:
    card = selected()

    counts = []
    for _ in range(3):
        counts.append(count_of(card.answer_command(READ_ALL)))
        card.answer_command(between)

    assert counts == [1, 2, 3]


def test_reading_the_length_alone_uses_up_a_count() -> None:
    card = selected()
    card.answer_command(READ_HEAD)
    card.answer_command(SELECT_NDEF)

    assert count_of(card.answer_command(READ_ALL)) == 2


def test_version_is_given_in_three_frames() -> None:
    card = ntag424()

    frames = [card.answer_command(bytes([0x90, code, 0, 0, 0])) for code in (0x60, 0xAF, 0xAF, 0xAF)]

    assert frames[0].hex() == "04040230001105" + "91af"
    assert frames[1].hex() == "04040201021105" + "91af"
    assert frames[2][:7] == card.uid
    assert frames[2][-2:] == b"\x91\x00"
    assert frames[3] == b"\x91\x1c"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00a4040007d276000085010000", "6a82"),
        ("00a4000c02e199", "6a82"),
        ("00d6000001ff", "6982"),
        ("00b0850010", "6982"),
        ("00b0010001", "6b00"),
        ("00b00000", "6700"),
        ("00b0", "6700"),
        ("00a4000c03e104", "6700"),
        ("00ff0000", "6d00"),
        ("90ff000000", "911c"),
        ("80ca000000", "6e00"),
        ("", "6e00"),
    ],
)
def test_refused_commands_have_their_status_words(command: str, status: str) -> None:
    assert selected().answer_command(bytes.fromhex(command)).hex() == status


def test_nothing_is_read_before_the_application_is_selected() -> None:
    card = ntag424()

    assert card.answer_command(READ_ALL).hex() == "6985"
    assert card.answer_command(SELECT_NDEF).hex() == "6a82"


def activated(answer_size: int = 4, frame_size: int = 0) -> tuple[IsoDep, list[bytes]]:
    obeyed: list[bytes] = []

    def obey(command: bytes) -> bytes:
        obeyed.append(command)
        return bytes(range(answer_size))

    iso_dep = IsoDep(b"\x01", obey)
    assert iso_dep.answer(bytes([0xE0, frame_size << 4])) == b"\x01"
    return iso_dep, obeyed


def test_blocks_are_numbered_in_turn() -> None:
    iso_dep, obeyed = activated()

    assert iso_dep.answer(b"\x02aa") == b"\x02\x00\x01\x02\x03"
    assert iso_dep.answer(b"\x03bb") == b"\x03\x00\x01\x02\x03"
    assert obeyed == [b"aa", b"bb"]


def test_repeated_block_and_lost_answer_give_the_same_answer_and_obey_once() -> None:
    iso_dep, obeyed = activated()
    answer = iso_dep.answer(b"\x02aa")

    assert iso_dep.answer(b"\x02aa") == answer
    assert iso_dep.answer(b"\xb2") == answer
    assert obeyed == [b"aa"]


def test_presence_is_confirmed_by_the_number_of_the_last_block() -> None:
    iso_dep, _ = activated()

    assert iso_dep.answer(b"\xb2") == b"\xa3"
    iso_dep.answer(b"\x02aa")
    assert iso_dep.answer(b"\xb3") == b"\xa2"
    assert iso_dep.answer(b"\x03bb") == b"\x03\x00\x01\x02\x03"


def test_long_command_and_long_answer_are_chained() -> None:
    iso_dep, obeyed = activated(answer_size=30)

    assert iso_dep.answer(b"\x12aa") == b"\xa2"
    assert iso_dep.answer(b"\x13bb") == b"\xa3"
    assert iso_dep.answer(b"\x02cc") == b"\x12" + bytes(range(13))
    assert iso_dep.answer(b"\xa3") == b"\x13" + bytes(range(13, 26))
    assert iso_dep.answer(b"\xb3") == b"\x13" + bytes(range(13, 26))
    assert iso_dep.answer(b"\xa2") == b"\x02" + bytes(range(26, 30))
    assert obeyed == [b"aabbcc"]


def test_endless_command_is_not_kept() -> None:
    iso_dep, obeyed = activated()

    answers = [iso_dep.answer(bytes([0x12 | block & 1]) + bytes(250)) for block in range(100)]

    assert answers.index(None) < 20
    assert obeyed == []


def test_deselected_card_is_silent_until_woken(tmp_path: Path) -> None:
    card = ntag424()
    activate(card)
    assert card.answer("106A", b"\xe0\x80") == bytes.fromhex("067777a10280")

    assert card.answer("106A", b"\xc2") == b"\xc2"

    assert card.answer("106A", b"\x26") is None
    assert card.answer("106A", b"\x52") == b"\x44\x03"


def activate(card: TypeACard) -> None:
    """Wake and select a card of a UID of seven bytes."""
    assert card.answer("106A", b"\x26") is not None
    for code in (0x93, 0x95):
        part = card.answer("106A", bytes([code, 0x20]))
        assert part is not None
        assert card.answer("106A", bytes([code, 0x70]) + part) is not None


@pytest.mark.parametrize(
    "frame", [b"", b"\x00", b"\xff" * 64, b"\x93", b"\x93\x70", b"\x26\x26", b"\xe0\x80"]
)
def test_frames_of_no_sense_are_not_answered_before_activation(frame: bytes) -> None:
    assert ntag424().answer("106A", frame) is None


def test_two_cards_of_one_kind_collide_where_they_differ() -> None:
    one, other = ntag424(), ntag424()
    other._cascade = [b"\x88\x01\x02\x03\x88", *other._cascade[1:]]
    field = Field([one, other])

    assert field.answer("106A", b"\x26") == b"\x44\x03"
    with pytest.raises(Collision):
        field.answer("106A", b"\x93\x20")


@pytest.mark.parametrize(
    ("technology", "uid", "name"),
    [
        ("ntag215", "04a1b2c3d4e5f6", "NXP NTAG215"),
        ("felica_lite_s", "02fe010203040506", "FeliCa Lite-S (RC-S966)"),
    ],
)
def test_memory_cards_are_known_and_read_by_nfcpy(
    tmp_path: Path, technology: str, uid: str, name: str
) -> None:
    table = Table(tmp_path)
    card: VirtualCard = table.card(technology=technology, uid=uid)
    table.field.put(card)
    frontend = table.connect("")

    target = frontend.sense(nfc.clf.RemoteTarget("106A"), nfc.clf.RemoteTarget("212F"))
    tag = nfc.tag.activate(frontend, target)

    assert (tag.product, tag.identifier.hex()) == (name, uid)
    assert [record.iri for record in tag.ndef.records] == [URI_BASE]


def test_ntag424_is_read_by_nfcpy_and_each_look_is_another_message(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.field.put(table.card())
    frontend = table.connect("")
    tag = nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))

    messages = [tag.ndef.records[0].iri]
    assert tag.ndef.has_changed
    messages.append(tag.ndef.records[0].iri)

    counts = [
        verify_sun(parse_sun(uri), key_meta=KEY_META, file_key_for=lambda uid: KEY_FILE).counter
        for uri in messages
    ]
    assert counts == [1, 2]


def test_changed_digit_of_the_cards_own_message_proves_nothing() -> None:
    shown = selected().answer_command(READ_ALL)
    uri = "https://" + shown[7 : 2 + int.from_bytes(shown[:2])].decode()
    digits = [
        *range(uri.index("picc_data=") + 10, uri.index("&cmac=")),
        *range(uri.index("&cmac=") + 6, len(uri)),
    ]
    assert len(digits) == 48

    for place in digits:
        for bit in (1, 2, 4, 8):
            changed = f"{int(uri[place], 16) ^ bit:X}"
            with pytest.raises(SunForged):
                verify_sun(
                    parse_sun(uri[:place] + changed + uri[place + 1 :]),
                    key_meta=KEY_META,
                    file_key_for=lambda uid: KEY_FILE,
                )
