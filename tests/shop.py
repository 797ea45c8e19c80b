"""A shop of its own for each test: store, program, terminal, cards, and the calls that tests make of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.cards.models import Account, Card, Credential, Offer, Program
from prepaid.cards.offers import make_offer
from prepaid.cards.presentation import Presentation
from prepaid.identifiers import uuid7
from prepaid.ledger.accounts import open_account, open_general_accounts
from prepaid.ledger.audit import audit
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stored_value.requests import Origin, Request, origin_of_terminal, origin_of_till
from prepaid.stored_value.undo import reverse, void
from prepaid.stores.models import Store, Terminal, Till

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # noon in Shanghai


@dataclass(kw_only=True)
class HeldCard:
    """A card in somebody's hand: each tap shows the next SUN counter."""

    card: Card
    credential: Credential
    counter: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def account_id(self) -> UUID:
        return self.card.account_id

    def tap(self) -> Presentation:
        with self.guard:
            self.counter += 1
            return Presentation(method="sun", lookup=bytes(self.credential.lookup), counter=self.counter)

    def typed(self, pin: bytes | None) -> Presentation:
        return Presentation(method="number", lookup=bytes(self.credential.lookup), pin_mac=pin)

    def balance(self) -> int:
        return int(self.row("balance"))

    def row(self, column: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(f"select {column} from ledger_account where id = %s", [self.account_id])
            return cursor.fetchone()[0]


@dataclass(kw_only=True)
class Shop:
    """One store with one program, one terminal and one till."""

    store: Store
    program: Program
    terminal: Terminal
    till: Till
    at: datetime = NOON
    sequence: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def origin(self) -> Origin:
        return origin_of_terminal(self.terminal)

    @property
    def counter(self) -> Origin:
        return origin_of_till(self.till)

    def request(self, **changed: Any) -> Request:
        with self.guard:
            self.sequence += 1
            sequence = self.sequence
        values: dict[str, Any] = {
            "id": uuid7(),
            "origin": self.origin,
            "digest": os.urandom(32),
            "occurred_at": self.at,
            "recorded_at": self.at,
            "sequence": sequence,
            "operator": "op-1",
        }
        return Request(**values | changed)

    def card(
        self, *, balance: int = 0, method: str = "sun", pin: bytes | None = None, **changed: Any
    ) -> HeldCard:
        account = Account.objects.create(program=self.program)
        open_account(account.id, currency=self.program.currency, at=self.at)
        values: dict[str, Any] = {"last_four": "4242", "state": Card.State.ACTIVE, "issued_at": self.at}
        card = Card.objects.create(account=account, program=self.program, **values | changed)
        credential = Credential.objects.create(card=card, method=method, lookup=os.urandom(32), pin_mac=pin)
        held = HeldCard(card=card, credential=credential)
        if balance:
            assert self.load_at_desk(held, balance).approved
        return held

    def offer(self, pay: int, bonus: int, **changed: Any) -> Offer:
        """Make an offer that runs from today: pay so much, get so much more."""
        terms: dict[str, Any] = {
            "code": f"O{os.urandom(6).hex()}",
            "name": f"{pay} + {bonus}",
            "starts_on": self.origin.business_date_at(self.at),
            "actor": "op-1",
            "at": self.at,
        }
        currency = self.program.currency
        money = {"pay_min": Money(pay, currency), "bonus": Money(bonus, currency)}
        return make_offer(program=self.program, **terms | money | changed)

    def load_at_desk(self, held: HeldCard, amount: int, **changed: Any) -> Answer:
        desk = Presentation(method="desk", card_id=held.card.id)
        return load(self.request(**changed), desk, Money(amount, self.program.currency), tender="cash")

    def load(self, held: HeldCard, amount: int, **changed: Any) -> Answer:
        return load(self.request(**changed), held.tap(), Money(amount, self.program.currency), tender="cash")

    def redeem(self, held: HeldCard, amount: int, *, partial: bool = False, **changed: Any) -> Answer:
        money = Money(amount, self.program.currency)
        return redeem(self.request(**changed), held.tap(), money, allow_partial=partial)

    def void(self, original: UUID, **changed: Any) -> Answer:
        return void(self.request(**changed), original)

    def reverse(self, original: UUID, **changed: Any) -> Answer:
        return reverse(self.request(**changed), original)


def open_shop(**program: Any) -> Shop:
    """Open a shop whose codes no other test has; `program` changes the program's terms."""
    code = os.urandom(6).hex()
    store = Store.objects.create(code=f"S{code}", name="Riverside", currency="CNY")
    open_general_accounts(owner_id=store.id, currency="CNY")
    terms: dict[str, Any] = {"currency": "CNY", "allowed_credentials": ["sun", "number", "qr"]}
    return Shop(
        store=store,
        program=Program.objects.create(code=f"P{code}", name="Gift", **terms | program),
        terminal=Terminal.objects.create(store=store, name="T1", public_key=os.urandom(32), enrolled_at=NOON),
        till=Till.objects.create(store=store, name="Counter 1"),
    )


def together(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Exception]:
    """Run calls at the same moment, each on its own thread and connection; give results in their order."""
    barrier = threading.Barrier(len(calls))
    results: list[Answer | Exception] = [RuntimeError("did not run")] * len(calls)

    def run(place: int) -> None:
        try:
            with connection.cursor() as cursor:
                # A hundred wait for one row: on a busy machine that is longer than a shop would wait.
                cursor.execute("set lock_timeout = '30s'; set statement_timeout = '60s'")
            barrier.wait()
            results[place] = calls[place]()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def assert_ledger_is_clean() -> None:
    """Run the ledger audit over the whole database."""
    found = [str(finding) for finding in audit()]
    assert found == [], found


def figures() -> tuple[Any, ...]:
    """Take what must not change when something is refused: value, transactions and transfers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select sum(balance) from ledger_account), (select sum(held) from ledger_account), "
            "(select count(*) from ledger_transaction), (select count(*) from ledger_transfer), "
            "(select count(*) from ledger_outbox) + (select coalesce(sum(count), 0) from ledger_daily_sum)"
        )
        return tuple(cursor.fetchone())
