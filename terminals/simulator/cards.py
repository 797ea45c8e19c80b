"""The file of virtual cards, and the cards that it describes.

Knows the file's form; must not know frames or sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from terminals.errors import StateError
from terminals.simulator.counters import Counters
from terminals.simulator.felica_lite_s import FelicaLiteS
from terminals.simulator.field import VirtualCard
from terminals.simulator.ntag215 import Ntag215
from terminals.simulator.ntag424 import Ntag424, personalised_files

CARDS_MAX = 1000
ZERO_KEY = bytes(16)

Key = Annotated[str, Meta(pattern="^[0-9A-Fa-f]{32}$")]
Announce = Callable[[str], object]


class CardDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One card of the file. `key_file` is this card's own, diversified already; `counter` where it begins.

    `enc` is content of an NTAG 424 DNA to be mirrored encrypted, in hexadecimal.
    """

    card: Annotated[int, Meta(ge=1, le=999_999)]
    technology: Literal["ntag424", "ntag215", "felica_lite_s"] = "ntag424"
    uid: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{14}$|^[0-9A-Fa-f]{16}$")]
    label: Annotated[str, Meta(max_length=80)] = ""
    uri_base: str = ""
    key_meta: Key | None = None
    key_file: Key | None = None
    counter: Annotated[int, Meta(ge=0)] = 0
    random_uid: bool = False
    enc: Annotated[str, Meta(pattern="^([0-9A-Fa-f]{32})*$")] = ""


def counters_of(path: Path) -> Path:
    """Say where the counters of a file of cards are kept: next to it."""
    return path.with_suffix(".counters.json")


def read_cards(path: Path, counters: Counters, announce: Announce = str) -> list[VirtualCard]:
    """Make the cards of a file, in its order; `announce` hears when one is read. StateError SW-STATE-01."""
    try:
        described = msgspec.json.decode(path.read_bytes(), type=list[CardDescription])
    except FileNotFoundError as error:
        raise StateError("SW-STATE-01", f"there is no file of cards {path}") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise StateError("SW-STATE-01", f"{path} does not describe cards: {error}") from error
    numbers = [card.card for card in described]
    if len(set(numbers)) != len(numbers) or len(numbers) > CARDS_MAX:
        raise StateError("SW-STATE-01", f"{path}: at most {CARDS_MAX} cards, each with its own number")
    try:
        return [make_card(card, counters, announce) for card in described]
    except ValueError as error:
        raise StateError("SW-STATE-01", f"{path}: {error}") from error


def make_card(described: CardDescription, counters: Counters, announce: Announce = str) -> VirtualCard:
    """Make one card. Raises ValueError where its parts do not fit together."""
    number, label, uid = described.card, described.label, bytes.fromhex(described.uid)
    if len(uid) != (8 if described.technology == "felica_lite_s" else 7):
        raise ValueError(f"card {number}: this UID is not of the length of {described.technology}")
    if described.technology == "ntag215":
        return Ntag215(number=number, label=label, uid=uid, uri=described.uri_base)
    if described.technology == "felica_lite_s":
        return FelicaLiteS(number=number, label=label, uid=uid, uri=described.uri_base)
    if described.key_meta is None or described.key_file is None:
        raise ValueError(f"card {number} needs key_meta and key_file")
    counters.at_least(uid.hex(), described.counter)

    def count() -> int:
        value = counters.next(uid.hex())
        announce(f"card {number} is being read, count {value}")
        return value

    return Ntag424(
        number=number,
        label=label,
        uid=uid,
        keys={
            0: ZERO_KEY,
            1: bytes.fromhex(described.key_file),
            2: bytes.fromhex(described.key_meta),
            3: ZERO_KEY,
            4: ZERO_KEY,
        },
        files=personalised_files(described.uri_base, bytes.fromhex(described.enc)),
        count=count,
        has_random_uid=described.random_uid,
    )
