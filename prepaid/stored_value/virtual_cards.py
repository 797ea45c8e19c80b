"""The NFC cards of the demonstration: what the card simulator needs to act as them.

Knows keys and the simulator's file; must not know frames. Their UIDs follow from the site's keys, so that the
file can be written again at any time.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from prepaid.cards import keys
from prepaid.cards.models import Credential
from prepaid.keys import site_keys
from prepaid.stores.models import Tap

PERSONALISED = 8
CARDS = 10
URI_BASE = "https://cards.example/t"
NXP = b"\x04"
FELICA = b"\x01\x2e"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VirtualCard:
    """A card as the simulator reads it; `counter` is the last one that the site accepted.

    The last two are blanks as a factory leaves them, without keys, to be personalised.
    """

    card: int
    label: str
    technology: str
    uid: str
    uri_base: str
    key_meta: str | None = None
    key_file: str | None = None
    key_master: str | None = None
    key_challenge: str | None = None
    key_spare: str | None = None
    key_version: int = 0
    counter: int = 0


def tap_of_virtual_card(number: int) -> Tap:
    """Describe the tap by which a virtual card is bound to an issued one; it is not stored."""
    uid = _uid(number)
    return Tap(
        method="sun",
        lookup=site_keys().sun_lookup(uid),
        fingerprint=site_keys().fingerprint("uid", uid),
        counter=0,
        key_version=keys.newest_version(),
    )


def list_virtual_cards() -> list[VirtualCard]:
    """List the cards; one that is bound is named after its holder and goes on from its last counter."""
    return [*(_card(number) for number in range(1, PERSONALISED + 1)), *_blanks()]


def write_virtual_cards(path: Path) -> None:
    """Write the simulator's file, whole and for its owner alone: it holds the cards' keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump([asdict(card) for card in list_virtual_cards()], file, indent=1, ensure_ascii=False)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _card(number: int) -> VirtualCard:
    uid, version = _uid(number), keys.newest_version()
    bound = (
        Credential.objects.filter(method="sun", lookup=site_keys().sun_lookup(uid))
        .select_related("card__account__holder")
        .first()
    )
    if bound is not None:
        version = bound.key_version
    return VirtualCard(
        card=number,
        label=_label(bound),
        technology="ntag424",
        uid=uid.hex(),
        uri_base=URI_BASE,
        key_meta=keys.meta_key(version).hex(),
        key_file=keys.file_key(uid, version).hex(),
        key_master=keys.card_key(uid, keys.MASTER, version).hex(),
        key_challenge=keys.card_key(uid, keys.CHALLENGE, version).hex(),
        key_spare=keys.card_key(uid, keys.SPARE, version).hex(),
        key_version=version,
        counter=max(bound.counter, 0) if bound is not None else 0,
    )


def _blanks() -> list[VirtualCard]:
    """Give a blank of each kind that can be personalised; the simulator keeps what becomes of it."""
    return [
        VirtualCard(
            card=PERSONALISED + 1,
            label="factory blank, to be personalised",
            technology="ntag424",
            uid=_uid(PERSONALISED + 1).hex(),
            uri_base="",
        ),
        VirtualCard(
            card=PERSONALISED + 2,
            label="factory blank, to be personalised",
            technology="felica_lite_s",
            uid=(FELICA + _uid(PERSONALISED + 2)[1:]).hex(),
            uri_base="",
        ),
    ]


def _label(bound: Credential | None) -> str:
    if bound is None:
        return "blank, to be issued at the counter"
    holder = bound.card.account.holder
    return f"{holder.name} {bound.card.number_masked}" if holder else bound.card.number_masked


def _uid(number: int) -> bytes:
    return NXP + site_keys().content_digest(f"virtual card {number}".encode())[:6]
