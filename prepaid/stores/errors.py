"""The errors of stores, terminals and staff.

Knows causes; must not know HTTP or screens.
"""

from __future__ import annotations

from prepaid.ledger.errors import PrepaidError


class StoreError(PrepaidError):
    """An error of a store, a terminal or a member of staff."""


class EnrolmentRefused(StoreError):
    """The enrolment code is unknown, used or expired: one answer for all three."""

    code = "enrolment_refused"

    def __init__(self) -> None:
        super().__init__("The enrolment code is unknown, used or expired. Make a new one.")


class TerminalNameTaken(StoreError):
    """The store has a terminal of that name."""

    code = "terminal_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"The store has a terminal named {name}.")
        self.name = name


class NotStaff(StoreError):
    """The person works at no store."""

    code = "not_staff"

    def __init__(self) -> None:
        super().__init__("This login belongs to nobody who works at a store.")


class TillElsewhere(StoreError):
    """The till stands in another store than the person works in."""

    code = "till_elsewhere"

    def __init__(self) -> None:
        super().__init__("That till stands in another store.")


class StandbyNotReady(StoreError):
    """The spare was not synchronised within 24 hours, or its hot list is old (BAK-01)."""

    code = "BAK-01"

    def __init__(self, found: str) -> None:
        super().__init__(f"The standby is not ready: {found}.")
        self.found = found


class PromotionRefused(StoreError):
    """The two terminals are not a standby and a terminal of the same store that it can replace."""

    code = "promotion_refused"


class UnlockRefused(StoreError):
    """The terminal is not locked, was replaced, tells a hash that nobody approved, or no reason was given."""

    code = "unlock_refused"
