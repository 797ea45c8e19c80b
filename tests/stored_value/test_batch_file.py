"""The batch file opens with age alone, holds what was made, and is fetched once."""

from __future__ import annotations

import csv
import io
import zipfile

import pyrage
import pytest

from prepaid.cards.models import BulkEvent, BulkSecrets, CardOrder
from prepaid.keys import site_keys
from prepaid.stored_value.bulk.batch_file import LockRefused, fetch_batch_file, is_waiting
from prepaid.stored_value.bulk.errors import BatchFileGone
from prepaid.stored_value.bulk.orders import make_chunk
from tests.shop import NOON, open_shop
from tests.stored_value.bulk import approved, draft, rows

pytestmark = pytest.mark.django_db
Rows = list[dict[str, str]]


def made() -> CardOrder:
    order = draft(open_shop(), 3)
    approved(order)
    make_chunk(order.id, at=NOON)
    return order


def sealed(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        return {name: file.read(name) for name in file.namelist()}


def read(content: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_printer_s_key_opens_numbers_codes_and_pins_of_the_very_cards() -> None:
    order, printer = made(), pyrage.x25519.Identity.generate()
    packed = fetch_batch_file(order.id, lock=f" {printer.to_public()} ", by="m2", at=NOON)
    files = sealed(packed)
    assert sorted(files) == ["cards.csv.age", "pins.csv.age"]
    assert all(content.startswith(b"age-encryption.org/v1\n") for content in files.values())
    cards = read(pyrage.decrypt(files["cards.csv.age"], [printer]))
    pins = read(pyrage.decrypt(files["pins.csv.age"], [printer]))

    keys = site_keys()
    known = rows(
        "select line.line, number.lookup, number.pin_mac, qr.lookup from cards_bulkline as line "
        "join cards_credential as number on number.card_id = line.card_id and number.method = 'number' "
        "join cards_credential as qr on qr.card_id = line.card_id and qr.method = 'qr' "
        "where line.bulk_id = %s order by line.line",
        [order.id],
    )
    told = [
        (
            int(card["line"]),
            keys.number_lookup(card["number"]),
            keys.pin_mac(keys.number_lookup(pin["number"]), pin["pin"]),
            keys.qr_lookup(card["qr"]),
        )
        for card, pin in zip(cards, pins, strict=True)
    ]
    assert told == known
    assert not set(pins[0]) & {"qr"}
    assert not set(cards[0]) & {"pin"}
    assert all(pin["pin"].encode() not in packed for pin in pins)


def test_a_passphrase_opens_it_and_another_does_not() -> None:
    files = sealed(fetch_batch_file(made().id, lock="correct horse battery", by="m2", at=NOON))
    assert len(read(pyrage.passphrase.decrypt(files["pins.csv.age"], "correct horse battery"))) == 3
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(files["pins.csv.age"], "correct horse bakery")


def test_it_is_fetched_once_and_that_is_written_down() -> None:
    order = made()
    # A passphrase is made slow to guess: a second and more of work for each file.
    lock = str(pyrage.x25519.Identity.generate().to_public())
    assert is_waiting(order.id)
    fetch_batch_file(order.id, lock=lock, by="m2", at=NOON)
    assert not is_waiting(order.id)
    with pytest.raises(BatchFileGone):
        fetch_batch_file(order.id, lock=lock, by="m3", at=NOON)
    fetched = BulkEvent.objects.filter(bulk_id=order.id, change="fetch")
    assert [(event.actor, event.note) for event in fetched] == [("m2", "3")]


@pytest.mark.parametrize("lock", ["", "too short", "age1qqqqqqqq"])
def test_a_lock_that_locks_nothing_is_refused_and_nothing_is_forgotten(lock: str) -> None:
    order = made()
    with pytest.raises(LockRefused):
        fetch_batch_file(order.id, lock=lock, by="m2", at=NOON)
    assert is_waiting(order.id)


def test_what_waits_in_the_database_shows_no_number_and_no_pin() -> None:
    order = made()
    (row,) = BulkSecrets.objects.filter(bulk_id=order.id)
    plain = site_keys().unseal(bytes(row.sealed), of=order.id.bytes)
    assert plain.encode() not in bytes(row.sealed)
    assert bytes(row.sealed).find(b"8600") == -1
