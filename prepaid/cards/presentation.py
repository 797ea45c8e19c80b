"""What a presented card comes down to before the database: the keyed hash of a credential, and its proofs.

Knows the methods of the terminal API and the site's keys; must not know the database, value or HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from prepaid.cards import numbers
from prepaid.cards.crypto import SunRefused, parse_sun, verify_sun
from prepaid.cards.keys import file_key_of
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


def present(card: messages.Card) -> Presentation:
    """Work out whose credential is presented and check what needs no database: MAC and check digits.

    A secret is never compared here but in constant time: the database finds keyed hashes by their index.
    """
    match card:
        case messages.SunCard():
            return _present_sun(card.uri)
        case messages.NumberCard():
            return _present_number(card.number, card.pin)
        case messages.QrCard():
            code = numbers.parse_qr(card.code)
            if code is None:
                return Presentation("qr", refusal="card_unknown")
            keys = site_keys()
            return Presentation(
                "qr", lookup=keys.qr_lookup(code), fingerprint=keys.fingerprint("qr", code.encode())
            )
        case messages.UidCard():
            keys, uid = site_keys(), bytes.fromhex(card.uid)
            return Presentation("uid", lookup=keys.uid_lookup(uid), fingerprint=keys.fingerprint("uid", uid))
        case messages.TokenCard():
            return Presentation("token", refusal="credential_refused")
        case messages.PayCodeCard():
            return Presentation("pay_code", refusal="credential_refused")


def at_the_desk(card_id: UUID) -> Presentation:
    """Present a card that staff opened on their screen."""
    return Presentation("desk", card_id=card_id)


def _present_sun(uri: str) -> Presentation:
    """Verify a SUN message under each version of the keys, newest first."""
    keys = site_keys()
    for version in keys.sun:
        try:
            identity = verify_sun(parse_sun(uri), key_meta=version.meta, file_key_for=file_key_of(version))
        except SunRefused:
            continue
        return Presentation(
            "sun",
            lookup=keys.sun_lookup(identity.uid),
            counter=identity.counter,
            key_version=version.version,
            fingerprint=keys.fingerprint("uid", identity.uid),
        )
    return Presentation("sun", refusal="credential_refused")


def _present_number(typed: str, typed_pin: str | None) -> Presentation:
    number = numbers.parse_number(typed)
    if number is None:
        return Presentation("number", refusal="card_unknown")
    keys = site_keys()
    lookup = keys.number_lookup(number)
    pin_mac = None if typed_pin is None else keys.pin_mac(lookup, numbers.parse_pin(typed_pin))
    fingerprint = keys.fingerprint("number", number.encode())
    return Presentation("number", lookup=lookup, pin_mac=pin_mac, fingerprint=fingerprint)
