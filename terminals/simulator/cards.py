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
from terminals.simulator.desfire import Desfire
from terminals.simulator.felica_lite_s import FelicaLiteS
from terminals.simulator.field import VirtualCard
from terminals.simulator.memories import Memories
from terminals.simulator.ntag215 import Ntag215
from terminals.simulator.ntag424 import KEYS, Ntag424
from terminals.simulator.ntag424_files import blank_files, personalised_files

CARDS_MAX = 1000

Key = Annotated[str, Meta(pattern="^[0-9A-Fa-f]{32}$")]
Announce = Callable[[str], object]


class CardDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One card of the file. `key_file` is this card's own, diversified already; `counter` where it begins.

    Its other keys are those of the factory, or `key_master`, `key_challenge` and `key_spare`, all of
    `key_version`. `key_card` is a FeliCa card's. Without keys a card is a blank, to be personalised.
    `enc` is content of an NTAG 424 DNA to be mirrored encrypted, in hexadecimal.
    """

    card: Annotated[int, Meta(ge=1, le=999_999)]
    technology: Literal["ntag424", "desfire", "ntag215", "felica_lite_s"] = "ntag424"
    uid: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{14}$|^[0-9A-Fa-f]{16}$")]
    label: Annotated[str, Meta(max_length=80)] = ""
    uri_base: str = ""
    key_meta: Key | None = None
    key_file: Key | None = None
    key_master: Key | None = None
    key_challenge: Key | None = None
    key_spare: Key | None = None
    key_card: Key | None = None
    key_version: Annotated[int, Meta(ge=0, le=255)] = 0
    counter: Annotated[int, Meta(ge=0)] = 0
    random_uid: bool = False
    enc: Annotated[str, Meta(pattern="^([0-9A-Fa-f]{32})*$")] = ""


def counters_of(path: Path) -> Path:
    """Say where the counters of a file of cards are kept: next to it."""
    return path.with_suffix(".counters.json")


def memories_of(path: Path) -> Memories:
    """Open what the cards of a file keep of a personalisation: next to it. Raises StateError."""
    return Memories(path.with_suffix(".memories.json"))


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
        memories = memories_of(path)
        return [make_card(card, counters, announce, memories) for card in described]
    except ValueError as error:
        raise StateError("SW-STATE-01", f"{path}: {error}") from error


def make_card(
    described: CardDescription,
    counters: Counters,
    announce: Announce = str,
    memories: Memories | None = None,
) -> VirtualCard:
    """Make one card, as it was left where there are `memories`. ValueError where its parts do not fit."""
    number, label, uid = described.card, described.label, bytes.fromhex(described.uid)
    if len(uid) != (8 if described.technology == "felica_lite_s" else 7):
        raise ValueError(f"card {number}: this UID is not of the length of {described.technology}")
    if described.technology == "ntag215":
        return Ntag215(number=number, label=label, uid=uid, uri=described.uri_base)
    if described.technology == "felica_lite_s":
        return _make_felica(described, memories)
    if described.technology == "desfire":
        return _make_desfire(described, memories)
    if (described.key_meta is None) != (described.key_file is None):
        raise ValueError(f"card {number} needs key_meta and key_file, or none of them to be a blank")
    counters.at_least(uid.hex(), described.counter)

    def count() -> int:
        value = counters.next(uid.hex())
        announce(f"card {number} is being read, count {value}")
        return value

    is_blank = described.key_meta is None
    keys = (
        described.key_master,
        described.key_file,
        described.key_meta,
        described.key_challenge,
        described.key_spare,
    )
    known = {place: bytes.fromhex(key) for place, key in enumerate(keys) if key is not None}
    card = Ntag424(
        number=number,
        label=label,
        uid=uid,
        keys=known,
        versions={} if is_blank else dict.fromkeys(KEYS, described.key_version),
        files=blank_files()
        if is_blank
        else personalised_files(described.uri_base, bytes.fromhex(described.enc)),
        count=count,
        has_random_uid=described.random_uid,
        keep=memories.keep_ntag424 if memories is not None else id,
    )
    if memories is not None:
        memories.recall_ntag424(card)
    return card


def _make_felica(described: CardDescription, memories: Memories | None) -> FelicaLiteS:
    card = FelicaLiteS(
        number=described.card,
        label=described.label,
        uid=bytes.fromhex(described.uid),
        uri=described.uri_base,
        card_key=bytes.fromhex(described.key_card or "00" * 16),
        key_version=described.key_version,
        is_locked=described.key_card is not None,
        keep=memories.keep_felica if memories is not None else id,
    )
    if memories is not None:
        memories.recall_felica(card)
    return card


def _make_desfire(described: CardDescription, memories: Memories | None) -> Desfire:
    card = Desfire(
        number=described.card,
        label=described.label,
        uid=bytes.fromhex(described.uid),
        has_random_uid=described.random_uid,
        keep=memories.keep_desfire if memories is not None else id,
    )
    if memories is not None:
        memories.recall_desfire(card)
    return card
