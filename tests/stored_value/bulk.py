"""Orders as tests make them, and what they look at afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from prepaid.cards.models import BulkLine, Card, CardImport, CardOrder, Credential
from prepaid.cards.presentation import Presentation
from prepaid.identifiers import uuid7
from prepaid.money import Money
from prepaid.stored_value.approvals.bulk import ask_for_import, ask_for_order
from prepaid.stored_value.approvals.service import Asked, approve
from prepaid.stored_value.bulk.imports import check_import, run_chunk
from prepaid.stored_value.bulk.orders import load_chunk, make_chunk, order_cards, record_funds
from prepaid.stored_value.redeem import redeem
from prepaid.stores.models import Staff
from tests.shop import NOON, Shop
from tests.stored_value.people import hire_at


def rows(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def card_of(line: BulkLine) -> UUID:
    assert line.card_id is not None, "the line's card is made"
    return line.card_id


def draft(shop: Shop, quantity: int = 3, amount: int = 10_000, **changed: Any) -> CardOrder:
    values: dict[str, Any] = {"tender": "bank_transfer", "buyer_name": "Harbour Ltd", "by": "m1"}
    return order_cards(
        order_id=uuid7(),
        program=shop.program,
        till=shop.till,
        quantity=quantity,
        amount_each=amount,
        at=NOON,
        **values | changed,
    )


def approved(order: CardOrder, at: datetime = NOON) -> Staff:
    """Have one manager of the order's store ask for it and another approve it; give who approved."""
    return _approved_by_two(order, ask_for_order, "for the feast", at)


def started(made: CardImport, at: datetime = NOON) -> Staff:
    """Have one manager of the import's store ask for it and another approve it; give who approved."""
    return _approved_by_two(made, ask_for_import, "the old system ends", at)


def _approved_by_two(
    bulk: CardOrder | CardImport, ask: Callable[..., Asked], reason: str, at: datetime
) -> Staff:
    asker, second = (hire_at(bulk.store_id, bulk.till_id) for _ in range(2))
    asked = ask(bulk.id, approval_id=uuid7(), staff=asker, reason=reason, at=at)
    if asked.is_pending:
        assert approve(asked.approval.id, staff=second, at=at).is_executed
        return second
    assert asked.is_executed
    return asker


def upload(shop: Shop, text: str, **changed: Any) -> CardImport:
    values: dict[str, Any] = {"import_id": uuid7(), "file_name": "old.csv", "by": "m1", "at": NOON}
    return check_import(content=text.encode(), program=shop.program, till=shop.till, **values | changed)


def run(made: CardImport) -> CardImport:
    started(made)
    while run_chunk(made.id, at=NOON):
        pass
    made.refresh_from_db()
    return made


def make(order: CardOrder) -> None:
    approved(order)
    while make_chunk(order.id, at=NOON):
        pass


def fund(order: CardOrder) -> None:
    record_funds(order.id, reference="TT-7", by="m2", at=NOON)
    while load_chunk(order.id, at=NOON):
        pass


def ordered(shop: Shop, quantity: int = 3, amount: int = 10_000, **changed: Any) -> CardOrder:
    order = draft(shop, quantity, amount, **changed)
    make(order)
    fund(order)
    order.refresh_from_db()
    return order


def lines_of(order: CardOrder) -> list[BulkLine]:
    return list(BulkLine.objects.filter(bulk_id=order.id).order_by("line"))


def outcomes(order: CardOrder) -> list[str]:
    return [line.outcome for line in lines_of(order)]


def balances(order: CardOrder) -> list[int]:
    found = rows(
        "select account.balance from cards_bulkline as line join ledger_account as account "
        "on account.id = line.account_id where line.bulk_id = %s order by line.line",
        [order.id],
    )
    return [balance for (balance,) in found]


def states(order: CardOrder) -> list[str]:
    cards = Card.objects.in_bulk([card_of(line) for line in lines_of(order)])
    return [cards[card_of(line)].state for line in lines_of(order)]


def spend(shop: Shop, line: BulkLine, amount: int) -> None:
    credential = Credential.objects.get(card_id=card_of(line), method="qr")
    presented = Presentation(method="qr", lookup=bytes(credential.lookup))
    assert redeem(shop.request(), presented, Money(amount, "CNY")).approved
