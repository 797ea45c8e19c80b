"""People who ask and decide, at a till of a test's shop."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from prepaid.identifiers import uuid7
from prepaid.stored_value.approvals.payloads import Adjust, Payload
from prepaid.stored_value.approvals.service import Asked, ask
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


def adjust_of(held: HeldCard, amount: int, *, direction: Any = "up", bonus: bool = False) -> Adjust:
    """Ask for a correction of a card of the shop's currency."""
    return Adjust(card_id=held.card.id, direction=direction, amount_minor=amount, currency="CNY", bonus=bonus)
