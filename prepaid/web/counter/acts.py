"""What staff can do with an open card beside taking money: one table, its words, and who may.

Knows names and roles; whether a change is possible is decided by the functions that make it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prepaid.cards.models import Card
from prepaid.money import is_unit
from prepaid.stored_value.answers import Balance

Code = Literal[
    "replace", "exchange", "new-pin", "reassign", "move", "merge", "reactivate", "cash-out", "close"
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An act: what it is called, what it does in a sentence, and the verb that confirms it."""

    code: Code
    icon: str
    title: str | Promise
    text: str | Promise
    verb: str | Promise
    group: Literal["card", "value"]
    for_managers: bool


# To hand value or a new card to somebody is a manager's decision; a card in the hand anybody may serve.
ACTS = (
    Act(
        code="replace",
        icon="refresh-cw",
        title=_("Replace the card"),
        text=_("Lost or broken: a new card, the same account. The value stays, this card stops at once."),
        verb=_("Replace the card"),
        group="card",
        for_managers=True,
    ),
    Act(
        code="exchange",
        icon="calendar-sync",
        title=_("Exchange the expired card"),
        text=_("A new card that is valid from today. The value stays."),
        verb=_("Exchange the card"),
        group="card",
        for_managers=False,
    ),
    Act(
        code="new-pin",
        icon="key-round",
        title=_("New PIN"),
        text=_("Forgotten or locked: a new PIN on a slip. The old one stops at once."),
        verb=_("Set a new PIN"),
        group="card",
        for_managers=False,
    ),
    Act(
        code="reassign",
        icon="user-round-pen",
        title=_("Give to another holder"),
        text=_("The account gets a new name, PIN and printed code; its other cards are closed."),
        verb=_("Give to the new holder"),
        group="card",
        for_managers=True,
    ),
    Act(
        code="move",
        icon="arrow-right-left",
        title=_("Move value to another card"),
        text=_("An amount goes to another card. Bonus and expiry stay what they are."),
        verb=_("Move"),
        group="value",
        for_managers=True,
    ),
    Act(
        code="merge",
        icon="merge",
        title=_("Merge into another card"),
        text=_("Everything goes to another card, and this one is closed."),
        verb=_("Merge"),
        group="value",
        for_managers=True,
    ),
    Act(
        code="reactivate",
        icon="calendar-sync",
        title=_("Bring expired value back"),
        text=_("What has expired can be spent again, for as long as a new top-up."),
        verb=_("Bring back"),
        group="value",
        for_managers=True,
    ),
    Act(
        code="cash-out",
        icon="banknote-arrow-down",
        title=_("Cash out"),
        text=_("Pay value back; the card goes on."),
        verb=_("Pay out"),
        group="value",
        for_managers=True,
    ),
    Act(
        code="close",
        icon="circle-x",
        title=_("Close the card"),
        text=_("Pay out what was paid in, take back the bonus, and close the card."),
        verb=_("Pay out and close"),
        group="value",
        for_managers=True,
    ),
)


def list_acts(card: Card, balance: Balance) -> list[Act]:
    """List what is worth offering for a card as it stands, in the order of the table."""
    return [act for act in ACTS if _fits(act.code, card, balance)]


def find_act(code: str) -> Act | None:
    """Find an act by the word in its address."""
    return next((act for act in ACTS if act.code == code), None)


def _fits(code: Code, card: Card, balance: Balance) -> bool:
    state = balance.state
    if code == "replace":
        stranded = state == "closed" and balance.balance_minor > 0 and not hasattr(card, "replaced_by")
        return state in ("active", "lost") or stranded
    if code == "exchange":
        return state == "expired"
    if code == "new-pin":
        return state == "active" and "number" in card.program.allowed_credentials
    # Units are no money to pay out: they are spent, moved, or taken away by a correction.
    if is_unit(card.program.currency) and (code == "cash-out" or (code == "close" and balance.balance_minor)):
        return False
    if code in ("move", "cash-out") and not balance.available_minor:
        return False
    if code == "reactivate" and not card.program.reactivates_expired:
        return False
    if code in ("move", "merge") and card.program.moves_to == "nothing":
        return False
    return state == "active"
