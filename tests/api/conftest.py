"""A shop whose terminal signs, and a card of it that was issued as any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from prepaid.cards.models import Credential
from prepaid.identifiers import uuid7
from prepaid.stored_value.issue import IssuedCard, issue
from prepaid.stores.models import Terminal
from tests.api.client import Reply
from tests.api.contract import CheckedClient
from tests.shop import HeldCard, Shop, figures, open_shop


@dataclass(kw_only=True)
class Till:
    """A shop's terminal, and what it would send."""

    shop: Shop
    client: CheckedClient = field(default_factory=CheckedClient)

    def __post_init__(self) -> None:
        self.client.terminal_id = self.shop.terminal.id
        Terminal.objects.filter(pk=self.shop.terminal.id).update(public_key=self.client.public_key)

    def issue(self, *, balance: int = 0) -> IssuedCard:
        """Issue a card, with a number, a PIN and a code."""
        now = datetime.now(UTC)
        issued = issue(
            card_id=uuid7(), program=self.shop.program, origin=self.shop.counter, actor="test", at=now
        )
        if balance:
            credential = Credential.objects.get(card=issued.card, method="number")
            held = HeldCard(card=issued.card, credential=credential)
            assert self.shop.load_at_desk(held, balance, origin=self.shop.counter, sequence=None).approved
        return issued

    def posting(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Make the body of a transaction with an id and a sequence of its own."""
        self.shop.sequence += 1
        body = {
            "id": str(uuid7()),
            "type": kind,
            "sequence": self.shop.sequence,
            "occurred_at": "2026-11-23T04:00:00.120Z",
        }
        return body | fields

    def redeem(self, issued: IssuedCard, amount: int = 1250, **fields: Any) -> dict[str, Any]:
        made = {"card": shown(issued), "amount": amount, "currency": "CNY"}
        return self.posting("redeem", **made | fields)

    def load(self, issued: IssuedCard, amount: int = 5000, **fields: Any) -> dict[str, Any]:
        made = {"card": shown(issued), "amount": amount, "currency": "CNY", "tender": {"type": "cash"}}
        return self.posting("load", **made | fields)

    def post(self, body: Any) -> Reply:
        return self.client.call("POST", "transactions", body)


def shown(issued: IssuedCard) -> dict[str, Any]:
    return {"method": "qr", "code": issued.qr}


def stored() -> tuple[Any, ...]:
    """Take what a refused call must not change: value, transactions, and stored answers."""
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger_answer")
        return (*figures(), cursor.fetchone()[0])


@pytest.fixture
def till(committed_db: None) -> Till:
    return Till(shop=open_shop())


@pytest.fixture
def issued(till: Till) -> IssuedCard:
    return till.issue(balance=10_000)
