"""A card's number typed by hand, and the PIN that goes with it: checked before anything is sent.

Knows keys and check digits; must not know a screen or the site.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminals import messages
from terminals.payloads import PAY_CODE_DIGITS, PayloadRefused, card_of, classify

PIN_LENGTH_MAX = 12


@dataclass(slots=True)
class Keying:
    """What has been typed: the number (or a code's digits) first, then the PIN where a number needs one.

    `fault` is the code of what is wrong with the number, empty while nothing is.
    """

    number: str = ""
    pin: str | None = None
    fault: str = ""

    def on_key(self, key: str) -> messages.Card | None:
        """Take a digit, `backspace` or `enter`; the card returns once it is whole."""
        if key == "enter":
            return self._end()
        self.fault = ""
        if key == "backspace":
            self._step_back()
        elif len(key) == 1 and key in "0123456789":
            if self.pin is not None:
                self.pin = (self.pin + key)[:PIN_LENGTH_MAX]
            else:
                self.number = (self.number + key)[:PAY_CODE_DIGITS]
        return None

    def _step_back(self) -> None:
        if self.pin is None:
            self.number = self.number[:-1]
        else:
            self.pin = self.pin[:-1] if self.pin else None

    def _end(self) -> messages.Card | None:
        try:
            card = card_of(self.number, entry="keyed", pin=self.pin or None)
        except PayloadRefused as refused:
            self.fault = refused.code
            return None
        if classify(self.number).scheme == "card_number" and self.pin is None:
            self.pin = ""
            return None
        return card
