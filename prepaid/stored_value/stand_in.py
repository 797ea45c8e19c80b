"""Advices: transactions that a terminal approved by itself, recorded afterwards and never declined.

Knows grants and what is found against them; must not know HTTP or who looks at a finding.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid5

from prepaid.cards.presentation import Presentation
from prepaid.ledger.accounts import GeneralKind, general_account_id, open_general_accounts
from prepaid.money import Money
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.calls import PRESENTED, presented_values, transact
from prepaid.stored_value.requests import Request
from prepaid.stores.policy import is_covered, is_in_time, read_grant
from terminals import advices

_NAMES = UUID("f2b3f0b5-7d56-4a6f-8f0f-6c2d6f1e7a51")


def advise_redeem(request: Request, presentation: Presentation, amount: Money, *, grant: str) -> Answer:
    """Record what a terminal sold offline; what the account lacks is its shortfall. Raises as `redeem`.

    Locks the card's credential, then its account.
    """
    return _advise(request, presentation, amount, kind="redeem", other="merchant", grant=grant)


def advise_load(
    request: Request,
    presentation: Presentation,
    amount: Money,
    *,
    tender: GeneralKind,
    tender_reference: str,
    grant: str,
) -> Answer:
    """Record money taken offline, whatever the limits say. Locks and raises as advise_redeem."""
    return _advise(
        request, presentation, amount, kind="load", other=tender, grant=grant, reference=tender_reference
    )


def unknown_account_id(store_id: UUID, currency: str) -> UUID:
    """Name the account of a store that cards are charged to which did not prove themselves."""
    return uuid5(_NAMES, f"{store_id}:{currency}")


def _advise(
    request: Request,
    presentation: Presentation,
    amount: Money,
    *,
    kind: str,
    other: GeneralKind,
    grant: str,
    reference: str = "",
) -> Answer:
    store_id, currency = request.origin.store_id, amount.currency
    if currency != request.origin.currency:
        # A store trades in its own currency, but what was sold in another one is recorded all the same.
        open_general_accounts(owner_id=store_id, currency=currency)
    held = read_grant(grant, terminal_id=request.origin.id)
    if held is not None and not is_in_time(held, request.occurred_at):
        held = None
    findings = _findings(held, kind, presentation, amount)
    return transact(
        "stored_value_advise",
        request,
        [
            *presented_values(presentation),
            kind,
            amount.amount_minor,
            currency,
            general_account_id(other, owner_id=store_id, currency=currency),
            other if kind == "load" else None,
            reference,
            unknown_account_id(store_id, currency),
            general_account_id("shortfall", owner_id=store_id, currency=currency),
            _day_of(request, held),
            None if held is None else held.id,
            None if held is None else held.per_card,
            None if held is None else held.per_terminal,
            None if held is None else held.count,
            findings,
        ],
        placeholders=(
            f"{PRESENTED}, %s::text, %s::bigint, %s::text, %s::uuid, %s::text, %s::text, %s::uuid, %s::uuid, "
            "%s::date, %s::uuid, %s::bigint, %s::bigint, %s::bigint, %s::text[]"
        ),
    )


def _findings(grant: advices.Grant | None, kind: str, presentation: Presentation, amount: Money) -> list[str]:
    """List what is wrong with the approval itself; no grant allows a load."""
    if grant is None:
        return ["grant_refused"]
    covered = is_covered(
        grant, method=presentation.method, amount=amount.amount_minor, currency=amount.currency
    )
    return [] if covered and kind == "redeem" else ["over_grant"]


def _day_of(request: Request, grant: advices.Grant | None) -> date:
    """Give the day on which value may have expired: when it was sold, if a grant makes that believable."""
    if grant is None:
        return request.business_date
    return min(request.origin.business_date_at(request.occurred_at), request.business_date)
