"""A program's terms under two-person control: what changes, and asking for it.

Knows the columns of a program; must not know forms, nor what a term does to value.
"""

from __future__ import annotations

from typing import Any

import msgspec

from prepaid.cards.models import Program
from prepaid.stored_value.approvals.payloads import ProgramChange

# A program keeps these: accounts hold value in its currency, and commands know it by its code.
KEPT = ("id", "code", "currency")


def terms_of(program: Program) -> dict[str, Any]:
    """Give each term that may be changed by its column, as JSON holds it."""
    columns = (field.attname for field in Program._meta.concrete_fields)
    return {name: msgspec.to_builtins(getattr(program, name)) for name in columns if name not in KEPT}


def program_change_of(before: Program, after: Program) -> ProgramChange | None:
    """Write down which terms differ; None where none does."""
    stood, wanted = terms_of(before), terms_of(after)
    changed = [name for name in stood if stood[name] != wanted[name]]
    if not changed:
        return None
    return ProgramChange(
        program_id=before.id,
        before={name: stood[name] for name in changed},
        after={name: wanted[name] for name in changed},
        currency=before.currency,
    )


def terms_are(terms: dict[str, Any]) -> dict[str, Any]:
    """Give the condition of a query that a program's terms are these."""
    return {
        (f"{name}__isnull" if value is None else name): True if value is None else value
        for name, value in terms.items()
    }
