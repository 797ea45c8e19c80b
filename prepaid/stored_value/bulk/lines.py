"""The lines of an order or import: their secrets, and the statements that work on many at once.

Knows keys, columns and parameters; must not know states of orders or imports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection

from prepaid.cards import numbers
from prepaid.cards.models import BulkEvent, BulkSecrets, Program
from prepaid.identifiers import uuid7
from prepaid.keys import SiteKeys, site_keys
from prepaid.ledger.accounts import general_account_id
from prepaid.money import is_unit
from prepaid.stored_value.calls import REQUEST, request_values
from prepaid.stored_value.card_changes import CHANGE, change_values
from prepaid.stored_value.requests import Origin, Request

# Lines that one commit makes, loads or takes back: measured in ADR 0075.
CHUNK_LINES = 5_000
CAMPAIGN = "migration"
_COLUMNS = (
    "bulk_id", "line", "last_four", "number_lookup", "pin_mac", "qr_lookup", "number_fingerprint",
    "qr_fingerprint", "paid_minor", "bonus_minor", "expires_on", "card_state", "external_id",
    "holder_name", "holder_phone",
)  # fmt: skip
_LOADED = "%s, %s::int, %s::int, %s, %s, %s, %s, %s, %s, %s"
# A chunk takes as long as it takes; it holds locks of its own cards alone.
_TIME = "set local statement_timeout = '280s'"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Line:
    """What a line brings: a number of its own or None, and value in minor units. It has no repr, for logs."""

    line: int
    paid_minor: int
    bonus_minor: int = 0
    number: str | None = None
    external_id: str = ""
    expires_on: date | None = None
    card_state: str = "active"
    holder_name: str = ""
    holder_phone: str = ""


def stage(bulk_id: UUID, program: Program, lines: Iterable[Line]) -> int:
    """Copy lines in, each with a new PIN, and with a new number and code where it brings none; give how many.

    Their secrets are sealed beside them. The caller's transaction keeps both or neither.
    """
    secrets: list[tuple[int, str, str, str, str]] = []
    # Read before the copy begins: a missing file asks the database, which cannot answer during a copy.
    keys = site_keys()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy cards_bulkline ({', '.join(_COLUMNS)}) from stdin") as copy,
    ):
        for line in lines:
            row, secret = _with_secrets(keys, bulk_id, program, line)
            copy.write_row(row)
            secrets.append(secret)
    for start in range(0, len(secrets), CHUNK_LINES):
        part = secrets[start : start + CHUNK_LINES]
        sealed = keys.seal(json.dumps(part), of=bulk_id.bytes)
        BulkSecrets.objects.create(bulk_id=bulk_id, first_line=part[0][0], sealed=sealed)
    return len(secrets)


def _with_secrets(
    keys: SiteKeys, bulk_id: UUID, program: Program, line: Line
) -> tuple[Sequence[object], tuple[int, str, str, str, str]]:
    number, pin = line.number or numbers.make_number(program.number_prefix), numbers.make_pin()
    # A card that is in somebody's hand already carries no code of ours.
    qr = numbers.make_qr() if line.number is None and "qr" in program.allowed_credentials else ""
    lookup = keys.number_lookup(number)
    row = (
        bulk_id,
        line.line,
        number[-4:],
        lookup,
        keys.pin_mac(lookup, pin),
        keys.qr_lookup(qr) if qr else None,
        keys.fingerprint("number", number.encode()),
        keys.fingerprint("qr", qr.encode()) if qr else None,
        line.paid_minor,
        line.bonus_minor,
        line.expires_on,
        line.card_state,
        line.external_id,
        line.holder_name,
        line.holder_phone,
    )
    return row, (line.line, line.external_id, number, qr, pin)


def make_lines(
    bulk_id: UUID,
    program: Program,
    span: tuple[int, int],
    *,
    holder_id: UUID | None,
    store_id: UUID,
    expires_on: date | None,
    by: str,
    at: datetime,
) -> int:
    """Make the cards of lines `span[0]` to `span[1]` that have none; give how many. Raises IntegrityError."""
    with connection.cursor() as cursor:
        cursor.execute(_TIME)
        cursor.execute(
            "select stored_value_make_lines(%s, %s::int, %s::int, %s, %s::uuid, %s, %s, %s, %s::date)",
            [bulk_id, *span, program.id, holder_id, store_id, by, at, expires_on],
        )
        return int(cursor.fetchone()[0])


def load_lines(
    request: Request,
    bulk_id: UUID,
    program: Program,
    span: tuple[int, int],
    *,
    kind: str,
    tender: str,
    reference: str,
) -> tuple[int, int]:
    """Put value on the cards of lines that have no outcome yet; give how many are done, and how many refused.

    `kind` is 'load' against a tender or 'import' out of another system. Locks the cards, then their accounts.
    """
    owner, currency = request.origin.store_id, program.currency
    source = general_account_id(tender, owner_id=owner, currency=currency)  # type: ignore[arg-type]
    promotion = general_account_id("promotion", owner_id=owner, currency=currency)
    price_currency = request.origin.currency if kind == "load" and is_unit(currency) else None
    with connection.cursor() as cursor:
        cursor.execute(_TIME)
        cursor.execute(
            f"select * from stored_value_load_lines({REQUEST}, {_LOADED})",
            [
                *request_values(request),
                bulk_id,
                *span,
                kind,
                program.id,
                tender,
                reference,
                source,
                promotion,
                price_currency,
            ],
        )
        done, refused = cursor.fetchone()
        return int(done), int(refused)


def take_back_lines(
    request: Request, bulk_id: UUID, lines: list[int], *, base: UUID, kind: str, frees: bool, reason: str
) -> int:
    """Take back the cards of these lines that were not used, and close them; give how many.

    Locks the cards, then their accounts.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TIME)
        cursor.execute(
            f"select stored_value_take_back_lines({REQUEST}, %s, %s::int[], %s, %s, %s, {CHANGE})",
            [
                *request_values(request),
                bulk_id,
                lines,
                base,
                kind,
                frees,
                *change_values("close", reason=reason),
            ],
        )
        return int(cursor.fetchone()[0])


def request_of(base: UUID, *, origin: Origin, by: str, at: datetime, note: str = "") -> Request:
    """Give the request that the requests of all lines follow from."""
    digest = site_keys().content_digest(b"bulk" + base.bytes)
    return Request(
        id=base, origin=origin, digest=digest, occurred_at=at, recorded_at=at, operator=by, note=note
    )


def record(bulk_id: UUID, change: str, *, by: str, at: datetime, note: str = "") -> None:
    """Write down who did what to an order or import."""
    BulkEvent.objects.create(id=uuid7(), bulk_id=bulk_id, change=change, actor=by, at=at, note=note[:200])
