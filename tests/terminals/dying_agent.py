"""The real agent, which kills itself with SIGKILL at one step, named before its usual arguments."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from terminals.commands import main
from terminals.journal import Journal
from terminals.site import Site

# Each step: the method, and whether death comes before or after it.
STEPS: dict[str, tuple[type, str, str]] = {
    "written": (Journal, "write", "after"),
    "marked_sent": (Journal, "mark_sent", "after"),
    "received": (Site, "post_transaction", "after"),
    "before_storing": (Journal, "mark_answered", "before"),
    "stored": (Journal, "mark_answered", "after"),
    "cancelled": (Journal, "cancel", "after"),
    "unresolved": (Journal, "mark_unresolved", "after"),
}


def arm(step: str) -> None:
    owner, name, when = STEPS[step]
    usual = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> None:
        if when == "after":
            usual(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
