"""A cashier who never tires: redeems one minor unit after another, until told that it is enough, or killed.

Run as a process of its own: python -m tests.journey.redeem_loop STATE NUMBER PIN WANTED
It ends when WANTED redeems are approved and the file `enough` lies in the state folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from terminals import messages
from terminals.errors import TerminalError
from terminals.lock import AgentLock
from terminals.state import StateFolder
from terminals.terminal import Terminal
from terminals.transactions import Patience

GIVE_UP_AFTER_S = 240


def redeem_until(folder: StateFolder, card: messages.NumberCard, wanted: int) -> None:
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    patience = Patience(attempts=3, pause_s=0.05, pause_s_max=0.5, total_s=3)
    with AgentLock(folder, "interactive"), Terminal(folder, operator="tireless", patience=patience) as till:
        print("ready", flush=True)
        while time.monotonic() < deadline:
            try:
                if (folder.path / "enough").exists() and approved(till) >= wanted:
                    return
                # As the agent's screens do: what nobody has seen is given to the same card again.
                till.journal.mark_shown(till.transactions.redeem(card, 1).id)
            except TerminalError as error:
                print(error.code, flush=True)
        sys.exit("gave up")


def approved(till: Terminal) -> int:
    rows = [entry for entry in till.journal.list_last(100_000) if entry.type == "redeem"]
    return sum(entry.answer is not None and entry.answer.outcome == "approved" for entry in rows)


if __name__ == "__main__":
    state, number, pin, wanted = sys.argv[1:]
    redeem_until(
        StateFolder(Path(state)), messages.NumberCard(number=number, pin=pin, entry="keyed"), int(wanted)
    )
