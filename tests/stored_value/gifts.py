"""A load with a gift beside it: an offer that this one load earns by."""

from __future__ import annotations

from datetime import date
from typing import Any

from prepaid.cards.offers import end_offer
from tests.shop import HeldCard, Shop

LONG_BEFORE = date(2000, 1, 1)


def load_with_gift(shop: Shop, held: HeldCard, paid: int, gift: int, **changed: Any) -> None:
    """Load what was paid with a gift beside it. Minor units."""
    offer = shop.offer(paid, gift, starts_on=LONG_BEFORE)
    assert shop.load_at_desk(held, paid, **changed).approved
    assert end_offer(offer.id, actor="op-1", at=shop.at)
