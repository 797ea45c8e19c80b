"""Signed redeems as terminals send them, ready before the clock runs: whole HTTP requests as bytes.

Knows the terminal API and the site's keys; the cards here are real SUN cards of the bench's own site.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bench.shop import CARD_ID, CURRENCY, STORE_ID
from bench.site import Site
from terminals import messages
from terminals.signatures import signed_headers

CARDS_EACH = 100
PATH = "/api/v1/transactions"
_PUT_CREDENTIAL = (
    "insert into cards_credential "
    "(id, card_id, method, lookup, counter, key_version, pin_failures, pin_tries_max) "
    f"values (gen_random_uuid(), {CARD_ID.replace('{n}', '%s::text')}, 'sun', %s, -1, %s, 0, 5)"
)


@dataclass
class Tapping:
    """One terminal of the store and the cards that are tapped at it, in turn."""

    terminal_id: UUID
    key: Ed25519PrivateKey
    uids: list[bytes]
    sequence: int = 0


def enrol_terminals(site: Site, count: int) -> list[Tapping]:
    """Enrol so many terminals and give each its own SUN cards on the bench's accounts."""
    from prepaid.cards.keys import newest_version, site_keys
    from prepaid.stores.models import Terminal

    tappings = []
    with site.connect() as connection:
        for number in range(count):
            key = Ed25519PrivateKey.generate()
            terminal = Terminal.objects.create(
                store_id=STORE_ID,
                name=f"T{number}",
                public_key=key.public_key().public_bytes_raw(),
                enrolled_at=datetime.now(UTC),
            )
            cards = range(number * CARDS_EACH + 1, (number + 1) * CARDS_EACH + 1)
            uids = [b"\x04" + card.to_bytes(6, "big") for card in cards]
            rows = [
                (card, site_keys().sun_lookup(uid), newest_version())
                for card, uid in zip(cards, uids, strict=True)
            ]
            connection.cursor().executemany(_PUT_CREDENTIAL, rows)
            tappings.append(Tapping(terminal.id, key, uids))
    return tappings


def requests_of(tapping: Tapping, count: int) -> Iterator[bytes]:
    """Make the next signed redeems of a terminal; a signature is good for five minutes."""
    from prepaid.identifiers import uuid7

    for _ in range(count):
        tapping.sequence += 1
        uid = tapping.uids[tapping.sequence % len(tapping.uids)]
        message = messages.Redeem(
            id=uuid7(),
            card=messages.SunCard(uri=_sun_uri(uid, tapping.sequence)),
            amount=tapping.sequence % 500 + 1,
            currency=CURRENCY,
            sequence=tapping.sequence,
            occurred_at=datetime.now(UTC),
            operator="bench",
        )
        body = msgspec.json.encode(message)
        yield _http(tapping, body)


def _http(tapping: Tapping, body: bytes) -> bytes:
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **signed_headers(
            method="POST",
            path=PATH,
            query="",
            body=body,
            key=tapping.key,
            keyid=str(tapping.terminal_id),
            created=int(time.time()),
        ),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body


def _sun_uri(uid: bytes, counter: int) -> str:
    from prepaid.cards.crypto import cmac, session_mac_key, truncate_mac
    from prepaid.cards.keys import file_key, meta_key, newest_version

    version = newest_version()
    count = counter.to_bytes(3, "little")
    encryptor = Cipher(algorithms.AES128(meta_key(version)), modes.CBC(bytes(16))).encryptor()
    picc_data = encryptor.update(b"\xc7" + uid + count + bytes(5))
    mac = truncate_mac(cmac(session_mac_key(file_key(uid, version), uid, count), b""))
    return f"https://cards.example/t?picc_data={picc_data.hex()}&cmac={mac.hex()}"
