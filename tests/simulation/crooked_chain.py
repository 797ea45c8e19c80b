"""A short simulation whose books are falsified afterwards, one thing after another.

Run as a program of its own: python -m tests.simulation.crooked_chain
It prints what `./run simulate` prints, and as JSON, on the last line, what each falsification brought.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulation.__main__ import run
from simulation.plan import Size
from simulation.planner import make_plan
from simulation.site import own_chain

if TYPE_CHECKING:
    from simulation.chain import Chain
    from simulation.days import Days

# The smallest chain, and a seed whose plan still meets every scene.
SIZE, SEED = Size(stores=2, terminals=1, cards=16, days=2), 77
BALANCE_RAISED = """
update ledger_account set balance = balance + 500, lots = array[row((lots[1]).lot_no, (lots[1]).bonus,
    (lots[1]).remaining + 500, (lots[1]).expires_on)::ledger_open_lot] where id = %s
"""


def main() -> None:
    plan = make_plan(SIZE, SEED)
    with own_chain(SIZE, plan) as (chain, days):
        from simulation.books import compare

        said = {"nothing": run(days, load_s=0.5)}
        # What the load took off the cards is not in the plan.
        known = compare(chain, plan, days.record).differences
        for name, falsify in falsifications(chain, days).items():
            falsify()
            found = compare(chain, plan, days.record).differences
            said[name] = [difference for difference in found if difference not in known]
            known = found
    print(json.dumps(said))


def falsifications(chain: Chain, days: Days) -> dict[str, Callable[[], Any]]:
    """Give what is done behind everybody's back, by name."""
    taps = [
        told
        for worked in days.record.worked
        for visit, told in worked.told
        if visit.scene == "tap" and told.said == ["approved"] and worked.shift.terminal == 0
    ]
    first, second, third = (told.id for told in taps[:3])
    return {
        "an answer at the site is gone": lambda: behind("delete from ledger_answer where id = %s", first),
        "a posting is gone": lambda: behind("delete from ledger_transaction where id = %s", second),
        "a balance is raised": lambda: behind(BALANCE_RAISED, chain.accounts[days.plan.people.lost[0]]),
        "a journal forgets an entry": lambda: in_journal(chain, "delete from entry where id = ?", third),
        "a fault is kept from the office": lambda: behind(
            "delete from stores_terminalfault where id in (select id from stores_terminalfault limit 1)"
        ),
        "somebody was told otherwise": lambda: taps[3].said.append("approved"),
        "a finding is not planted": lambda: days.plan.findings.update(advice_shortfall=0),
    }


def behind(statement: str, *values: object) -> None:
    """Change the tables as one to whom nothing is refused, past every trigger and constraint."""
    import psycopg
    from django.db import connection

    from prepaid.runner.cluster import SUPERUSER

    place = connection.settings_dict
    with psycopg.connect(host=place["HOST"], dbname=place["NAME"], user=SUPERUSER) as opened:
        opened.execute("set session_replication_role = replica")
        opened.execute(statement, values)


def in_journal(chain: Chain, statement: str, *values: object) -> None:
    with sqlite3.connect(chain.posts[0].folder / "journal.sqlite") as opened:
        opened.execute(statement, [str(value) for value in values])


if __name__ == "__main__":
    main()
