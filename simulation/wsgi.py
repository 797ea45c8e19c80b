"""The site's own application, on a moved clock: what the simulation's web server runs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from simulation.clock import VARIABLE, Clock

clock = Clock(Path(os.environ[VARIABLE]))
clock.follow()

from prepaid.wsgi import application as site  # noqa: E402  (nothing of the site may see the machine's time)

# A terminal that asks for an id which never arrived is told so, and that is no news here.
logging.getLogger("django.request").setLevel(logging.ERROR)
Headers = list[tuple[str, str]]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as the site does, at the simulation's time; the server would date it by the machine's."""
    clock.follow()

    def start(status: str, headers: Headers, *rest: Any) -> Any:
        dated = [(name, value) for name, value in headers if name.lower() != "date"]
        return start_response(status, [*dated, ("Date", formatdate(time.time(), usegmt=True))], *rest)

    return site(environ, start)
