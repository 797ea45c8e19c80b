"""What a run says while it goes on: lines that stay, and on a screen one that shows how far it is.

Knows the terminal that it writes to; must not know what is simulated.
"""

from __future__ import annotations

import sys

CLEAR = "\r\033[K"


def say(text: str) -> None:
    """Print at once: whoever watches sees it when it happens."""
    print(f"{CLEAR if sys.stdout.isatty() else ''}{text}", flush=True)


def show(text: str) -> None:
    """Show how far it is, in place of what was shown before; nothing where the output is kept."""
    if sys.stdout.isatty():
        print(f"{CLEAR}{text}", end="", flush=True)
