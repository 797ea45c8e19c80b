"""Taps through unmodified nfcpy on a simulated device: what counts as one, and as whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prepaid.cards.crypto import SunIdentity
from terminals.messages import UidCard
from terminals.readers import ReaderError, open_reader
from terminals.simulator.ntag424 import FILE_NOT_FOUND, OK, READ_BINARY, Ntag424
from terminals.simulator.type_a import TypeACard
from tests.terminals.card_table import Table, proven


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    made.reader.close()
    made.counters.close()


class ForeignCard(TypeACard):
    """A type A card that says what it is and answers nothing more."""

    technology = "foreign"
    sens_res = b"\x04\x00"

    def __init__(self, sel_res: int, uid: str = "c0ffee01") -> None:
        self.sel_res = sel_res
        super().__init__(number=9, label="", uid=bytes.fromhex(uid))

    def answer_active(self, frame: bytes) -> bytes | None:
        return None


class BankCard(Ntag424):
    """An ISO-DEP card without an NDEF application."""

    def answer_command(self, command: bytes) -> bytes:
        return FILE_NOT_FOUND


class EndlessCard(Ntag424):
    """A card that answers every reading with nothing, and never with an error."""

    def answer_command(self, command: bytes) -> bytes:
        return (
            OK
            if command[1] == READ_BINARY and len(command) == 5 and command[4] > 15
            else super().answer_command(command)
        )


def test_three_hundred_taps_are_read_each_with_its_own_rising_count(table: Table) -> None:
    card = table.card(label="Anna")

    counts = [proven(table.tap(card)) for _ in range(300)]

    assert counts == [SunIdentity(uid=card.uid, counter=count) for count in range(1, 301)]


@pytest.mark.parametrize("random_uid", [False, True])
def test_card_left_on_the_reader_is_one_tap(table: Table, random_uid: bool) -> None:
    table.field.put(table.card(random_uid=random_uid))

    first = table.wait()

    assert first is not None
    assert [table.wait(polls=50) for _ in range(3)] == [None] * 3
    assert proven(first).counter == 1
    assert table.counters.next(table.field.cards[0].uid.hex()) == 2


@pytest.mark.parametrize("technology", ["ntag215", "felica_lite_s"])
def test_card_without_a_session_left_on_the_reader_is_one_tap(table: Table, technology: str) -> None:
    table.field.put(table.card(technology=technology, uid="04a1b2c3d4e5f6" + "00" * (technology[0] == "f")))

    assert table.wait() is not None
    assert table.wait(polls=50) is None


@pytest.mark.parametrize("random_uid", [False, True])
def test_card_at_the_edge_of_the_field_is_one_tap(table: Table, random_uid: bool) -> None:
    card = table.card(random_uid=random_uid)

    def flicker(poll: int) -> None:
        if poll % 3:
            table.field.put(card)
        else:
            table.field.clear()

    table.field.put(card)
    assert table.wait() is not None
    assert table.wait(polls=60, between=flicker) is None


def test_card_shown_again_after_an_empty_field_is_another_tap(table: Table) -> None:
    card = table.card()

    assert [proven(table.tap(card)).counter for _ in range(3)] == [1, 2, 3]


def test_another_card_in_place_of_the_first_is_another_tap(table: Table) -> None:
    one, other = table.card(1), table.card(2)
    table.field.put(one)
    assert table.wait() is not None

    table.field.put(other)
    tap = table.wait()

    assert tap is not None
    assert proven(tap).uid == other.uid


def test_stop_ends_the_wait_at_once(table: Table) -> None:
    stop = threading.Event()
    stop.set()
    table.field.put(table.card())

    assert table.reader.wait_for_tap(stop=stop) is None
    assert table.device.frames == []


def test_address_is_told_as_it_stands_on_the_card(table: Table) -> None:
    base = "https://cards.example/t?shop=a+b~c,d&x=1/2:3"

    tap = table.tap(table.card(uri_base=base))

    assert tap.uri is not None
    assert tap.uri.startswith(f"{base}&picc_data=")


def test_encrypted_content_is_covered_by_the_proof(table: Table) -> None:
    tap = table.tap(table.card(enc="78" * 32))

    assert tap.uri is not None
    assert "&enc=" in tap.uri
    assert proven(tap).counter == 1


def test_random_uid_is_shown_and_the_proof_names_the_card(table: Table) -> None:
    card = table.card(random_uid=True)

    one, other = table.tap(card), table.tap(card)

    assert one.uid[:2] == other.uid[:2] == "08"
    assert one.uid != other.uid
    assert proven(one).uid == proven(other).uid == card.uid


def test_memory_tag_with_a_copied_proof_is_a_bare_uid(table: Table) -> None:
    copied = table.tap(table.card(1)).uri
    assert copied is not None

    tap = table.tap(table.card(2, technology="ntag215", uri_base=copied))

    assert tap.card == UidCard(uid="04a1b2c3d40002", technology="ntag215", entry="tap")
    assert tap.uri is None


@pytest.mark.parametrize(
    ("card", "technology", "uid"),
    [
        (ForeignCard(0x08), "mifare_classic", "c0ffee01"),
        (ForeignCard(0x18), "mifare_classic", "c0ffee01"),
        (ForeignCard(0x00, "04112233445566"), "type_2", "04112233445566"),
    ],
)
def test_foreign_card_is_told_by_its_kind_for_the_site_to_refuse(
    table: Table, card: ForeignCard, technology: str, uid: str
) -> None:
    assert table.tap(card).card == UidCard(uid=uid, technology=technology, entry="tap")
    assert table.wait(polls=20) is None


def test_bank_card_is_a_bare_uid(table: Table) -> None:
    card = BankCard(number=1, label="", uid=bytes.fromhex("04aabbccddeeff"), keys={}, files={}, count=int)

    assert table.tap(card).card == UidCard(uid="04aabbccddeeff", technology="iso_dep", entry="tap")


def test_ntag424_without_a_proof_is_named_as_such(table: Table) -> None:
    card = table.card()
    assert isinstance(card, Ntag424)
    card.files.pop(0xE104)

    assert table.tap(card).card == UidCard(uid=card.uid.hex(), technology="ntag424", entry="tap")


def test_felica_card_is_told_by_its_idm(table: Table) -> None:
    tap = table.tap(table.card(technology="felica_lite_s", uid="02fe010203040506"))

    assert tap.card == UidCard(uid="02fe010203040506", technology="felica_lite_s", entry="tap")


def test_telephone_is_complained_of_once(table: Table) -> None:
    table.field.put(ForeignCard(0x40, "08123456"))

    with pytest.raises(ReaderError) as raised:
        table.wait()

    assert raised.value.code == "NFC-CARD-01"
    assert table.wait(polls=30) is None


def test_card_that_never_comes_to_an_end_is_given_up(table: Table) -> None:
    whole = table.card()
    assert isinstance(whole, Ntag424)
    endless = EndlessCard(
        number=1, label="", uid=whole.uid, keys=whole.keys, files=whole.files, count=lambda: 1
    )
    table.field.put(endless)

    with pytest.raises(ReaderError) as raised:
        table.wait()

    assert raised.value.code == "NFC-RF-01"
    assert len(table.device.frames) < 1000


def test_two_cards_are_complained_of_once_and_the_one_that_stays_is_read(table: Table) -> None:
    card = table.card()
    other = table.card(2, technology="felica_lite_s", uid="02fe010203040506")
    table.field.put(card, other)

    with pytest.raises(ReaderError) as raised:
        table.wait()
    assert raised.value.code == "NFC-RF-02"
    assert table.wait(polls=20) is None

    table.field.put(card)
    tap = table.wait()
    assert tap is not None
    assert proven(tap).counter == 1


def test_path_that_is_no_reader_is_named() -> None:
    with pytest.raises(ReaderError) as raised:
        open_reader("bluetooth:1")

    assert raised.value.code == "HW-DRV-01"
    assert "bluetooth:1" in raised.value.detail
