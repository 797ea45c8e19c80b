"""A change of a card's state that a posting makes in its own commit, as SQL takes it.

Knows the table of changes; the database decides under its lock.
"""

from __future__ import annotations

from typing import Any

from prepaid.cards.lifecycle import Change, rule_of

CHANGE = "row(%s::text, %s::text[], %s::text, %s::text)::stored_value_card_change"


def change_values(change: Change | None, *, reason: str = "") -> list[Any]:
    """List a change in the order of the SQL type `stored_value_card_change`; None changes no card."""
    if change is None:
        return [None] * 4
    rule = rule_of(change)
    assert rule.after is not None, "a posting only makes changes that lead to another state"
    return [rule.change, [state.value for state in rule.before], rule.after.value, reason]
