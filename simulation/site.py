"""The simulation's own site: a database and a web server that go with it, on a moved clock.

Knows in which order they come up and go; must not know what a day is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bench.site import own_site
from bench.web import HOST, web_server
from prepaid.runner.programs import web_program
from simulation.clock import VARIABLE, Clock
from simulation.plan import Plan, Size

if TYPE_CHECKING:
    from simulation.chain import Chain
    from simulation.days import Days

TIMEZONE = ZoneInfo("Asia/Shanghai")
OPENS_AT = time_of_day(8)
APPLICATION, MOVED_APPLICATION = "prepaid.wsgi:application", "simulation.wsgi:application"


@contextlib.contextmanager
def own_chain(size: Size, plan: Plan) -> Iterator[tuple[Chain, Days]]:
    """Open a chain on a site of its own, on a morning so long ago that its last day was yesterday.

    Never ahead: the database, whose clock nobody moves, refuses what comes from a clock that is. Everything
    is gone afterwards.
    """
    first_day = datetime.now(TIMEZONE).date() - timedelta(days=size.days)
    opens_at = datetime.combine(first_day, OPENS_AT, TIMEZONE)
    with own_site() as site:
        clock = Clock(site.folder / "clock")
        clock.move_to(opens_at)
        os.environ[VARIABLE] = str(clock.file)
        command = [
            MOVED_APPLICATION if word == APPLICATION else word for word in web_program(HOST, 0).command
        ]
        command[command.index("--port") + 1] = "PORT"
        with web_server(command, {"LOG_LEVEL": "ERROR"}) as port:
            # Only now is the database known that the site's settings are read with.
            from simulation.chain import open_chain
            from simulation.days import Days

            chain = open_chain(site.folder, size, plan, site_port=port, at=opens_at)
            days = Days(chain, plan, clock, first_day)
            try:
                yield chain, days
            finally:
                days.stop()
                for held in chain.ports:
                    held.close()
                clock.stop()
