"""Opening of stores.

Knows what a store needs before it can take cards; must not know how a ledger keeps accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

from django.db import transaction

from prepaid.ledger.accounts import open_general_accounts
from prepaid.stores.models import Store, Till


def open_store(
    code: str,
    name: str,
    *,
    currency: str,
    name_zh: str = "",
    timezone: str = "Asia/Shanghai",
    day_starts_at: time = time.min,
    tills: Sequence[str] = (),
) -> Store:
    """Open a store with its general accounts and tills; opening it again only adds what is missing."""
    with transaction.atomic():
        store, _ = Store.objects.get_or_create(
            code=code,
            defaults={
                "name": name,
                "name_zh": name_zh,
                "currency": currency,
                "timezone": timezone,
                "day_starts_at": day_starts_at,
            },
        )
        open_general_accounts(owner_id=store.id, currency=store.currency)
        for till in tills:
            Till.objects.get_or_create(store=store, name=till)
    return store
