"""A PIN as the customer types it beside a card: masked, and kept for one sale.

Knows keys; must not know a card or the site.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminals.keying import PIN_LENGTH_MAX

PIN_LENGTH_MIN = 4


@dataclass(slots=True)
class PinEntry:
    """What has been typed so far."""

    typed: str = ""

    def on_key(self, key: str) -> str | None:
        """Take a digit, `backspace` or `enter`; the PIN returns once it is whole."""
        if key == "enter":
            return self.typed if len(self.typed) >= PIN_LENGTH_MIN else None
        if key == "backspace":
            self.typed = self.typed[:-1]
        elif len(key) == 1 and key in "0123456789":
            self.typed = (self.typed + key)[:PIN_LENGTH_MAX]
        return None
