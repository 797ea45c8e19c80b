"""What staff can ask for an open card where a second person may have to approve: one table, and its words.

Knows names; whether a second person is needed is decided by the approvals of stored value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from prepaid.stored_value.answers import Balance

Code = Literal["adjust", "refund", "unblock", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Something to ask for: what it is called, what it does in a sentence, and the verb that confirms it."""

    code: Code
    icon: str
    title: str | Promise
    text: str | Promise
    verb: str | Promise
    for_managers: bool = False


ASKS = (
    Ask(
        code="unblock",
        icon="lock-open",
        title=gettext_lazy("Unblock the card"),
        text=gettext_lazy("It takes money again."),
        verb=gettext_lazy("Unblock the card"),
    ),
    Ask(
        code="adjust",
        icon="scale",
        title=gettext_lazy("Correct the balance"),
        text=gettext_lazy(
            "Add or take value that no sale explains, such as a top-up that was typed wrongly."
        ),
        verb=gettext_lazy("Correct the balance"),
    ),
    Ask(
        code="refund",
        icon="undo-2",
        title=gettext_lazy("Refund without a receipt"),
        text=gettext_lazy("Give value back for a purchase that cannot be found."),
        verb=gettext_lazy("Refund"),
    ),
    Ask(
        code="limit",
        icon="gauge",
        title=gettext_lazy("Change a limit"),
        text=gettext_lazy("For every card of this program, from now on."),
        verb=gettext_lazy("Change the limit"),
        for_managers=True,
    ),
)


def list_asks(balance: Balance) -> list[Ask]:
    """List what is worth asking for a card as it stands, in the order of the table."""
    fitting = {"blocked": ("unblock", "limit"), "active": ("adjust", "refund", "limit")}
    return [ask for ask in ASKS if ask.code in fitting.get(balance.state, ())]


def find_ask(code: str) -> Ask | None:
    """Find what is asked by the word in its address."""
    return next((ask for ask in ASKS if ask.code == code), None)
