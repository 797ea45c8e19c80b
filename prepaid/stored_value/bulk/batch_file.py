"""The batch file: numbers and printed codes for the printer, PINs apart, both sealed with age; fetched once.

Knows the format (https://age-encryption.org/v1); must not know who may fetch it.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import pyrage
from django.db import transaction

from prepaid.cards.models import BulkSecrets
from prepaid.keys import site_keys
from prepaid.stored_value.bulk.errors import BatchFileGone
from prepaid.stored_value.bulk.lines import record

PASSPHRASE_MIN = 12
RECIPIENT_START = "age1"


class LockRefused(ValueError):
    """The key is no recipient of age, or the passphrase is too short; nothing was fetched."""


def is_waiting(bulk_id: UUID) -> bool:
    """Say whether a batch file can be fetched still."""
    return BulkSecrets.objects.filter(bulk_id=bulk_id).exists()


def fetch_batch_file(bulk_id: UUID, *, lock: str, by: str, at: datetime) -> bytes:
    """Give a ZIP of cards.csv.age and pins.csv.age, and forget the secrets in the same commit.

    `lock` is the printer's key (age1...) or a passphrase of 12 characters or more.
    Whoever deletes the rows first has it. Raises LockRefused and BatchFileGone; then nothing was forgotten.
    """
    lock = lock.strip()
    rows = list(BulkSecrets.objects.filter(bulk_id=bulk_id).order_by("first_line"))
    lines = [
        line for row in rows for line in json.loads(site_keys().unseal(bytes(row.sealed), of=bulk_id.bytes))
    ]
    cards = _as_csv(("line", "external_id", "number", "qr"), (line[:4] for line in lines))
    pins = _as_csv(("line", "number", "pin"), ((line[0], line[2], line[4]) for line in lines))
    packed = io.BytesIO()
    if rows:
        # A passphrase is made slow to guess, which takes seconds: no row is locked meanwhile.
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
            file.writestr("cards.csv.age", _sealed(cards, lock))
            file.writestr("pins.csv.age", _sealed(pins, lock))
    with transaction.atomic():
        forgotten, _ = BulkSecrets.objects.filter(bulk_id=bulk_id).delete()
        if not rows or forgotten != len(rows):
            raise BatchFileGone("The batch file was fetched already, or there is none yet.")
        record(bulk_id, "fetch", by=by, at=at, note=f"{len(lines)}")
    return packed.getvalue()


def _sealed(content: bytes, lock: str) -> bytes:
    if lock.startswith(RECIPIENT_START):
        try:
            recipient = pyrage.x25519.Recipient.from_str(lock)
        except pyrage.RecipientError as error:
            raise LockRefused(
                "This is not a printer's key: it begins with age1 and has 62 characters."
            ) from error
        return bytes(pyrage.encrypt(content, [recipient]))
    if len(lock) < PASSPHRASE_MIN:
        raise LockRefused(f"A passphrase has {PASSPHRASE_MIN} characters or more.")
    return bytes(pyrage.passphrase.encrypt(content, lock))


def _as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()
