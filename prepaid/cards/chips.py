"""What the ways of personalising share: the blank that is worked on, a turn of the conversation, and its end.

Knows shapes only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prepaid.cards.sessions import State
from prepaid.cards.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """The chip that is to get a card's keys; `uid` as far as it is known, `version` of the keys that it gets.

    `is_changing` says that an earlier attempt may have put some of them there.
    """

    uid: bytes | None
    version: int
    is_changing: bool
    template: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip that proved to hold its card's keys; messages up to `counter` are used up."""

    uid: bytes
    counter: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What goes to the chip next and what is then awaited, or the finished chip.

    `uid` is the chip's where it was learnt; `changes_keys` must be stored before the commands go out.
    """

    commands: tuple[bytes, ...] = ()
    state: State = field(default_factory=dict)
    uid: bytes | None = None
    changes_keys: bool = False
    chip: Chip | None = None
