"""The real site on a real socket, in threads of this process, and a real agent that is enrolled there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections

from prepaid.stores.enrolment import create_code
from prepaid.stores.models import Terminal as EnrolledTerminal
from terminals.connection import Timeouts
from terminals.state import StateFolder
from terminals.terminal import Terminal, enrol
from terminals.transactions import Patience
from tests.shop import Shop
from tests.web.conftest import Server

# The machine may be busy: an answer that is late there is no fault of the code.
TIMEOUTS = Timeouts(answer_s=120.0)
PATIENCE = Patience(attempts=3, pause_s=0.01, pause_s_max=0.1)


@contextmanager
def real_site() -> Iterator[str]:
    """Serve the site on the database that is in use; give its address."""
    thread = Server("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://127.0.0.1:{thread.port}"
    finally:
        thread.terminate()
        connections.close_all()


def enrolled(shop: Shop, site: str, folder: Path) -> Terminal:
    """Enrol a real agent at a shop; the shop's terminal is that one from now on."""
    code, _ = create_code(shop.store, at=datetime.now(UTC))
    state = StateFolder(folder)
    enrolment = enrol(state, site=site, code=code)
    shop.terminal = EnrolledTerminal.objects.select_related("store").get(pk=enrolment.terminal_id)
    terminal = Terminal(state, timeouts=TIMEOUTS, patience=PATIENCE)
    terminal.keep_ready()
    return terminal
