"""A reader with virtual cards on one side and the site's API on the other, as the agent stands between."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec

from prepaid.api.models import Allowance
from prepaid.cards.models import Credential, Program
from prepaid.stored_value.issue import IssuedCard
from terminals import card_steps, messages
from terminals.connection import Connection, Reply, _known
from terminals.conversations import card_to_present, personalise, prove
from terminals.readers import Tap
from terminals.simulator.desfire import Desfire
from terminals.simulator.device import Injected
from terminals.simulator.felica_lite_s import FelicaLiteS
from terminals.simulator.ntag424 import Ntag424
from terminals.site import Site
from tests.api.conftest import Till
from tests.terminals.card_table import Table

Chip = Ntag424 | FelicaLiteS | Desfire
NTAG = {"key_meta": None, "key_file": None}


class ClientConnection:
    """The line to the site, in this process."""

    def __init__(self, till: Till) -> None:
        self._till = till
        self.calls: list[str] = []

    def call(self, method: str, path: str, body: bytes | None = None) -> Reply:
        self.calls.append(f"{method} {path}")
        reply = self._till.client.call(method, path, body)
        return _known(Reply(reply.status, reply.headers, reply.body))


@dataclass
class Desk:
    """A shop's till, its terminal's reader, and what is done with cards there."""

    till: Till
    table: Table
    line: ClientConnection = field(init=False)
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.line = ClientConnection(self.till)
        self.site = Site(cast(Connection, self.line))

    def blank(self, uid: str, **changes: Any) -> Ntag424:
        card = self.table.card(uid=uid, **NTAG | changes)
        assert isinstance(card, Ntag424)
        return card

    def felica_blank(self, uid: str, **changes: Any) -> FelicaLiteS:
        card = self.table.card(uid=uid, technology="felica_lite_s", **NTAG | changes)
        assert isinstance(card, FelicaLiteS)
        return card

    def desfire_blank(self, uid: str, **changes: Any) -> Desfire:
        card = self.table.card(uid=uid, technology="desfire", **NTAG | changes)
        assert isinstance(card, Desfire)
        return card

    def faults(self, faults: Mapping[int, Injected]) -> None:
        """Let faults happen at frames that are counted from here."""
        self.table.device.frames.clear()
        self.table.device.faults = dict(faults)

    def lay(self, card: Chip) -> Tap:
        """Hold a card to the reader; a terminal that taps as fast as a test is not held back."""
        Allowance.objects.filter(key__endswith=str(self.till.shop.terminal.id)).delete()
        return self.table.tap(card)

    def personalise(
        self, card: Chip, number: str | None, faults: Mapping[int, Injected] | None = None
    ) -> card_steps.CardStep:
        """Personalise a blank; faults happen at frames counted from the first one after the tap."""
        assert number is not None
        tap = self.lay(card)
        self.faults(faults or {})
        return personalise(self.site, self.table.reader, tap, number)

    def prove(self, card: Chip, faults: Mapping[int, Injected] | None = None) -> messages.TokenCard:
        """Have a card prove itself; faults happen at frames counted from the first one after the tap."""
        tap = self.lay(card)
        self.faults(faults or {})
        return prove(self.site, self.table.reader, tap)

    def made(self, *, balance: int = 10_000, **changes: Any) -> tuple[IssuedCard, Ntag424]:
        """Issue a card and personalise a blank for it."""
        issued, card = self.till.issue(balance=balance), self.blank(fresh_uid(), **changes)
        self.personalise(card, issued.number)
        return issued, card

    def present(self, card: Chip, amount: int, floor: int | None) -> messages.Card:
        tap = self.lay(card)
        return card_to_present(self.site, self.table.reader, tap, amount_minor=amount, floor_minor=floor)

    def redeem(self, card: messages.Card | dict[str, Any], amount: int = 1250) -> dict[str, Any]:
        """Post a redeem with a card as it is presented; the stored answer returns."""
        shown = card if isinstance(card, dict) else _shown(card)
        body = self.till.posting("redeem", card=shown, amount=amount, currency="CNY")
        reply = self.till.post(body)
        assert reply.status == 201, reply.body
        answer: dict[str, Any] = reply.json()
        return answer

    def set_floor(self, floor: int | None) -> None:
        Program.objects.filter(pk=self.till.shop.program.pk).update(challenge_above=floor)


def _shown(card: messages.Card) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(card))
    return {name: value for name, value in shown.items() if value is not None}


def fresh_uid() -> str:
    return "04" + os.urandom(6).hex()


def fresh_idm() -> str:
    return "012e" + os.urandom(6).hex()


def chip_of(card_id: UUID) -> Credential | None:
    return Credential.objects.filter(card_id=card_id, method__in=("sun", "challenge")).first()


def open_desk(till: Till, folder: Path) -> Desk:
    Program.objects.filter(pk=till.shop.program.pk).update(
        allowed_credentials=["number", "sun", "qr", "challenge"]
    )
    till.shop.program.refresh_from_db()
    return Desk(till=till, table=Table(folder))
