"""What is asked, as typed structs: kept whole with the request, so that what is approved is what was asked.

Knows fields, amounts in minor units; must not know who may ask.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec

# Terms of a program that are amounts, and whose change is asked for.
LimitTerm = Literal[
    "load_single_max", "load_day_max", "load_month_max", "redeem_single_max", "redeem_day_max",
    "redeem_month_max", "balance_max", "holder_load_day_max", "holder_load_month_max",
    "holder_redeem_day_max", "holder_redeem_month_max", "low_trust_single_max", "low_trust_day_max",
]  # fmt: skip


class Adjust(msgspec.Struct, frozen=True, kw_only=True, tag="adjust"):
    """Correct a card's value."""

    card_id: UUID
    direction: Literal["up", "down"]
    amount_minor: int
    currency: str
    bonus: bool


class RefundUnlinked(msgspec.Struct, frozen=True, kw_only=True, tag="refund_unlinked"):
    """Give value without an original."""

    card_id: UUID
    amount_minor: int
    currency: str


class Unblock(msgspec.Struct, frozen=True, kw_only=True, tag="unblock"):
    """Let a blocked card run again; the amount is what it held when this was asked."""

    card_id: UUID
    balance_minor: int
    currency: str


class LimitChange(msgspec.Struct, frozen=True, kw_only=True, tag="limit_change"):
    """Change a limit of a program, for all its cards; None is no limit."""

    program_id: UUID
    term: LimitTerm
    before_minor: int | None
    after_minor: int | None
    currency: str


class ProgramChange(msgspec.Struct, frozen=True, kw_only=True, tag="program_change"):
    """Change terms of a program, for all its cards: each by its column, before and after."""

    program_id: UUID
    before: dict[str, Any]
    after: dict[str, Any]
    currency: str


class RuleChange(msgspec.Struct, frozen=True, kw_only=True, tag="rule_change"):
    """Record a rule of a rule set from a date on."""

    rule_set_id: UUID
    field: str
    value: Any
    effective_from: date
    article: str
    article_zh: str
    source: str
    text: str
    text_zh: str


class CardReturn(msgspec.Struct, frozen=True, kw_only=True, tag="card_return"):
    """Pay a card out and close it; with a choice, as the office chose it among the ways of the rules."""

    card_id: UUID
    choice_id: UUID | None
    paid_minor: int
    paid_from_bonus_minor: int
    forfeited_bonus_minor: int
    retained_minor: int
    tender: Literal["cash", "bank_transfer"]
    currency: str

    @property
    def total_minor(self) -> int:
        """Give what leaves the card in all."""
        return self.paid_minor + self.paid_from_bonus_minor + self.forfeited_bonus_minor + self.retained_minor


class BulkIssue(msgspec.Struct, frozen=True, kw_only=True, tag="bulk_issue"):
    """Make the cards of an order, as it was drafted."""

    order_id: UUID
    program_id: UUID
    quantity: int
    amount_each_minor: int
    total_minor: int
    currency: str
    buyer_name: str


class BulkImport(msgspec.Struct, frozen=True, kw_only=True, tag="bulk_import"):
    """Bring in the cards and balances of a file, as it was checked."""

    import_id: UUID
    program_id: UUID
    quantity: int
    paid_minor: int
    bonus_minor: int
    currency: str
    file_name: str

    @property
    def total_minor(self) -> int:
        """Give what comes onto the cards in all."""
        return self.paid_minor + self.bonus_minor


# What is asked about a program and its cards as a whole, not about one card.
OfProgram = LimitChange | ProgramChange | BulkIssue | BulkImport
Payload = Adjust | RefundUnlinked | Unblock | RuleChange | CardReturn | OfProgram
