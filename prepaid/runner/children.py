"""Child processes that do not outlive their parent.

Knows the operating system's call for it, which Linux alone has; must not know what the children are.
"""

import ctypes
import os
import signal
from collections.abc import Callable

from prepaid.runner.binaries import is_linux

PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel send this signal to the child when its parent is gone.

    The library is loaded before the fork, for after it little is safe.
    """
    if not is_linux():
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)

    return ask_in_child


def follow_parent(number: signal.Signals) -> None:
    """Have the kernel send this signal to the caller itself when its parent is gone."""
    if is_linux():
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
