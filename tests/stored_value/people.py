"""People who ask and decide, at a till of a test's shop."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.payloads import Adjust, Payload, Unblock
from prepaid.stored_value.approvals.service import OPEN_FOR, Asked, ask
from prepaid.stores.models import Staff
from tests.shop import HeldCard, Shop


def hire(shop: Shop, role: str = "manager") -> Staff:
    """Hire a person whose code no other test has."""
    return hire_at(shop.store.id, shop.till.id, role)


def hire_at(store_id: UUID, till_id: UUID, role: str = "manager") -> Staff:
    """Hire a person at a till."""
    code = f"{role[0]}{os.urandom(6).hex()}"
    user = User.objects.create(username=code)
    return Staff.objects.create(user=user, store_id=store_id, till_id=till_id, code=code, role=role)


def asked_by(staff: Staff, payload: Payload, **changed: Any) -> Asked:
    """Ask with ids of its own."""
    values: dict[str, Any] = {
        "approval_id": uuid7(),
        "transaction_id": uuid7(),
        "staff": staff,
        "reason": "told at the desk",
        "at": timezone.now(),
    }
    return ask(payload, **values | changed)


def may_unblock(shop: Shop, card_id: UUID) -> None:
    """Approve that a card is unblocked, and do it not yet: as within the commit that does."""
    approval_id, at, user = uuid7(), timezone.now(), hire(shop).user_id
    asked = msgspec.json.encode(Unblock(card_id=card_id, balance_minor=0, currency="CNY")).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "select from stored_value_ask_approval(%s::uuid, 'unblock', 0, 'CNY', %s::uuid, null, %s::uuid, "
            "null, %s::jsonb, 'seen again', %s::uuid, %s::bigint, %s::timestamptz, %s::timestamptz)",
            [approval_id, card_id, shop.store.id, asked, approval_id, user, at, at + OPEN_FOR],
        )
        cursor.execute(
            "select from stored_value_decide_approval(%s::uuid, 'alone', %s::bigint, '', %s::timestamptz)",
            [approval_id, user, at],
        )


def adjust_of(held: HeldCard, amount: int, *, direction: Any = "up", bonus: bool = False) -> Adjust:
    """Ask for a correction of a card of the shop's currency."""
    return Adjust(card_id=held.card.id, direction=direction, amount_minor=amount, currency="CNY", bonus=bonus)
