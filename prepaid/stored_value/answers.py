"""The answer to a transaction, as it is stored and as it is given again for each repeat.

Knows facts in minor units; must not know how an edge words or encodes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from prepaid.identifiers import rrn_of
from prepaid.ledger.errors import PrepaidError
from prepaid.stored_value.reasons import CAUSES, Reason, reason_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTold:
    """The rule by which a transaction was declined: which, since when, where it stands, and what it says."""

    rule_set: str
    field: str
    effective_from: str
    article: str
    article_zh: str
    source: str
    en: str
    zh: str

    def added_to(self, reason: Reason) -> Reason:
        """Let a reason's sentences end with the rule and its article."""
        unsure_en, unsure_zh = ("; to be checked", "，待核实") if self.source == "c" else ("", "")
        return replace(
            reason,
            en=f"{reason.en} {self.en} ({self.article}{unsure_en})",
            zh=f"{reason.zh}{self.zh}（{self.article_zh}{unsure_zh}）",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An outcome: approved or declined. Balances are null where nobody may learn them."""

    id: UUID
    type: str
    outcome: Literal["approved", "declined"]
    reason: str | None
    approved_minor: int
    currency: str | None
    balance_minor: int | None
    available_minor: int | None
    last_four: str | None
    program_code: str | None
    original: UUID | None
    recorded_at: datetime
    hash: str | None
    replayed: bool
    origin_id: UUID
    sequence: int | None
    card_id: UUID | None
    undoes: str | None = None
    rule: RuleTold | None = None
    cause: str | None = None

    @property
    def rrn(self) -> str:
        """Give the reference for the receipt."""
        return rrn_of(self.id)

    @property
    def approved(self) -> bool:
        """Say whether it was approved."""
        return self.outcome == "approved"

    @property
    def money_moved(self) -> bool:
        """Say whether value moved: a hold only reserves it, and so does what undoes one."""
        return self.hash is not None and "hold" not in (self.type, self.undoes) and self.type != "release"

    @property
    def why(self) -> Reason:
        """Give the reason's row, with its sentences; where a rule or a cause decided, they name it."""
        why = reason_of(self.reason)
        if self.cause is not None:
            en, zh = CAUSES[self.cause]
            why = replace(why, en=en, zh=zh)
        return why if self.rule is None else self.rule.added_to(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A card's balance: available = what has not expired - held. Minor units."""

    card_id: UUID
    account_id: UUID
    last_four: str
    state: str
    program_code: str
    currency: str
    balance_minor: int
    available_minor: int
    held_minor: int
    expires_on: str | None

    @property
    def number_masked(self) -> str:
        """Show the card as it may be shown."""
        return f"•••• {self.last_four}"


class TransactionError(PrepaidError):
    """An error of a transaction or an inquiry."""


class Refused(TransactionError):
    """The card may not be used; `reason` says why."""

    code = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason_of(reason).en)
        self.reason = reason
