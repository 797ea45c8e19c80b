"""Each guard of value is taken out, and the part of the suite that watches it must fail: `./run mutants`.

A killer that fails without any mutant would kill everything: the first test lets each of them pass.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable

import pytest
from django.db import connections

from tests.databases import connect_as_superuser
from tests.model.stage import Stage
from tests.model.walk import WalkFailed, fault_of, walk
from tests.mutants.mutants import KILLERS, MUTANTS, WALK_STEPS, Mutant


def test_what_kills_a_mutant_passes_without_one(scratch_db: str) -> None:
    for name, killer in KILLERS.items():
        # The one that takes a rule out itself comes last, for nothing puts the rule back.
        if name != "the key refuses a second undo":
            killer()
    KILLERS["the key refuses a second undo"]()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.partition(":")[0])
def test_mutant_is_killed(
    scratch_db: str, mutant: Mutant, record_property: Callable[[str, object], None]
) -> None:
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute(mutant.sql().encode())
    began, killed_by, how = time.monotonic(), None, ""
    for name in mutant.killers:
        try:
            KILLERS[name]()
        # What a test finds is an assertion, an error of the database, or a pytest.raises that saw none.
        except (Exception, pytest.fail.Exception) as error:
            killed_by, how = name, type(error).__name__
            break
        finally:
            connections.close_all()
    row = (mutant.name, killed_by or "SURVIVED", how, time.monotonic() - began)
    record_property("mutant", row)
    assert killed_by is not None, f"{mutant.name} survived {', '.join(mutant.killers)}"


def test_walk_that_fails_tells_its_seed_and_a_life_made_short(scratch_db: str) -> None:
    (counter,) = (mutant for mutant in MUTANTS if mutant.name.startswith("counter"))
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute(counter.sql().encode())

    with pytest.raises(WalkFailed) as failed:
        walk("mutants", steps=WALK_STEPS, seed="8")

    told = str(failed.value)
    steps = [ast.literal_eval(line.strip(" ,")) for line in told.splitlines() if line.startswith("  (")]
    assert "PREPAID_MODEL_SEED=8" in told
    # One tap that is shown again, or is not the newest: nothing else is needed for it.
    assert 1 <= len(steps) <= 3
    variant = int(told.partition("variant ")[2].partition(",")[0])
    assert fault_of(Stage(), variant, steps) is not None


def test_mutant_whose_guard_is_gone_fails_loudly() -> None:
    gone = Mutant("gone", MUTANTS[0].file, (), changes=(("no such guard", ""),))

    with pytest.raises(LookupError, match="has no 'no such guard' any more"):
        gone.sql()
