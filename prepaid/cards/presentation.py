"""What a presented card comes down to before the database: the keyed hash of a credential, and its proofs.

Knows the methods of the terminal API and the site's keys; must not know the database, value or HTTP.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from prepaid.cards import numbers, pay_codes
from prepaid.cards.crypto import SunIdentity, SunRefused, parse_sun, read_claim, verify_sun
from prepaid.cards.keys import file_key_of, keyring
from prepaid.cards.models import Credential
from prepaid.keys import site_keys
from terminals import messages


@dataclass(frozen=True, slots=True)
class Presentation:
    """A presented card; `refusal` is a reason that was found without the database, such as a wrong MAC.

    `card_id` comes with the method "desk" alone: staff opened the card on their screen.
    """

    method: str
    lookup: bytes | None = None
    counter: int | None = None
    key_version: int = 0
    pin_mac: bytes | None = None
    refusal: str | None = None
    card_id: UUID | None = None
    # What the hot list knows this presentation by (ADR 0060).
    fingerprint: bytes | None = field(default=None, compare=False)


def present(card: messages.Card, *, at: datetime | None = None) -> Presentation:
    """Work out whose credential is presented and check what needs no database: MAC and check digits.

    A PIN beside anything but a number costs one read, for the number that it belongs to.
    `at` is the moment of the call; without it a rotating code cannot be checked and is refused.
    A secret is never compared here but in constant time: the database finds keyed hashes by their index.
    """
    match card:
        case messages.SunCard():
            return _present_sun(card.uri, card.pin)
        case messages.NumberCard():
            return _present_number(card.number, card.pin)
        case messages.QrCard():
            code = numbers.parse_qr(card.code)
            if code is None:
                return Presentation("qr", refusal="card_unknown")
            keys = site_keys()
            lookup = keys.qr_lookup(code)
            return Presentation(
                "qr",
                lookup=lookup,
                pin_mac=_pin_mac_beside("qr", lookup, card.pin),
                fingerprint=keys.fingerprint("qr", code.encode()),
            )
        case messages.UidCard():
            keys, uid = site_keys(), bytes.fromhex(card.uid)
            lookup = keys.uid_lookup(uid)
            return Presentation(
                "uid",
                lookup=lookup,
                pin_mac=_pin_mac_beside("uid", lookup, card.pin),
                fingerprint=keys.fingerprint("uid", uid),
            )
        case messages.TokenCard():
            lookup = site_keys().token_lookup(card.token)
            return Presentation("token", lookup=lookup, pin_mac=_pin_mac_beside("token", lookup, card.pin))
        case messages.PayCodeCard():
            return _present_pay_code(card.code, at)


def at_the_desk(card_id: UUID) -> Presentation:
    """Present a card that staff opened on their screen."""
    return Presentation("desk", card_id=card_id)


def read_sun(uri: str) -> tuple[SunIdentity, int] | None:
    """Verify a SUN message under each version of the keys, newest first: who made it, under which version.

    None where no card of ours did.
    """
    keys = keyring()
    for version in keys.list_versions():
        with contextlib.suppress(SunRefused):
            message, meta = parse_sun(uri), keys.meta_key(version)
            return verify_sun(message, key_meta=meta, file_key_for=file_key_of(version)), version
    return None


def find_claimed(uri: str) -> Iterator[SunIdentity]:
    """Give the cards that a message may say it is of, under each version of the keys: no proof of any."""
    keys = keyring()
    for version in keys.list_versions():
        with contextlib.suppress(SunRefused):
            yield read_claim(parse_sun(uri), key_meta=keys.meta_key(version))


def _present_sun(uri: str, pin: str | None) -> Presentation:
    found = read_sun(uri)
    if found is None:
        return Presentation("sun", refusal="credential_refused")
    identity, version = found
    keys = site_keys()
    lookup = keys.sun_lookup(identity.uid)
    return Presentation(
        "sun",
        lookup=lookup,
        counter=identity.counter,
        key_version=version,
        pin_mac=_pin_mac_beside("sun", lookup, pin),
        fingerprint=keys.fingerprint("uid", identity.uid),
    )


def _present_pay_code(text: str, at: datetime | None) -> Presentation:
    """Verify a phone's rotating code; its window is the counter that must rise in the posting's commit."""
    keys, code = site_keys(), pay_codes.parse_code(text)
    if code is None or at is None:
        return Presentation("pay_code", refusal="credential_refused")
    verdict = pay_codes.verify(code, keys.pay_code_secret, at=at)
    if verdict.state != "fresh":
        return Presentation("pay_code", refusal="credential_refused")
    return Presentation("pay_code", lookup=keys.pay_code_lookup(code.phone), counter=verdict.window)


def _present_number(typed: str, typed_pin: str | None) -> Presentation:
    number = numbers.parse_number(typed)
    if number is None:
        return Presentation("number", refusal="card_unknown")
    keys = site_keys()
    lookup = keys.number_lookup(number)
    return Presentation(
        "number",
        lookup=lookup,
        pin_mac=_pin_mac(lookup, typed_pin),
        fingerprint=keys.fingerprint("number", number.encode()),
    )


def _pin_mac_beside(method: str, lookup: bytes, typed: str | None) -> bytes | None:
    """Make the MAC of a PIN that was typed beside a chip or a code: a card has one PIN, its number's.

    The number has to be found for that, so that this alone reads the database.
    """
    if typed is None:
        return None
    shown = Q(card__credentials__method=method, card__credentials__lookup=lookup)
    if method == "token":
        shown = Q(card__credentials__proof__lookup=lookup)
    number = Credential.objects.filter(shown, method="number").values_list("lookup", flat=True).first()
    return _pin_mac(lookup if number is None else bytes(number), typed)


def _pin_mac(lookup: bytes, typed: str | None) -> bytes | None:
    return None if typed is None else site_keys().pin_mac(lookup, numbers.parse_pin(typed))
