"""`personalise`: a blank on the reader becomes an issued card, by the site's commands.

Knows the command's options and its result; must not know what is said to the blank.
"""

from __future__ import annotations

import argparse

from terminals.actions import tell
from terminals.conversations import personalise as carry
from terminals.opening import opened, wait_for_chip
from terminals.receipt import word
from terminals.results import no_card, result_of_personalisation


def personalise(options: argparse.Namespace) -> int:
    """Personalise a blank; a torn attempt is gone on with when the blank is laid down again, now or later."""
    with opened(options) as till:
        number: str = options.card
        prompt = word("personalise", options.lang)
        step = wait_for_chip(options, till, prompt, lambda reader, tap: carry(till.site, reader, tap, number))
        if step is None:
            return tell(options, no_card())
        result = result_of_personalisation(step)
        if options.json:
            return tell(options, result)
        number_masked = "" if step.card is None else step.card.number_masked
        print(f"{number_masked} · {getattr(result.message, options.lang)}")
        return result.exit
