"""A walk: lives of random steps from a seed that is printed; what fails is made short before it is told."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from struct import unpack

from tests.model.choices import NUMBER_MAX
from tests.model.stage import Stage
from tests.model.steps import WEIGHTS, Step, Steps, Tally
from tests.shop import assert_ledger_is_clean

STEPS_OF_A_LIFE = 100
STEPS_OF_AN_AUDIT = 12_500
STEPS_OF_A_COMPARISON = 8
TRIES_MAX = 300
# In a walk of so many steps, each kind of them comes off so often, or it is no walk of everything.
STEPS_TO_MEET_ALL, OFTEN = 20_000, 20
# Of all parts together; `PREPAID_MODEL_SEED` walks the same way again.
STEPS = int(os.environ.get("PREPAID_MODEL_STEPS", "100000"))
SEED = os.environ.get("PREPAID_MODEL_SEED") or os.urandom(4).hex()
PARTS = 4


class WalkFailed(AssertionError):
    """PostgreSQL and the model disagree: with which steps, and how to see it again."""


def make_steps(random: Random, count: int) -> list[Step]:
    """Draw the steps of a life: loads first, for there is nothing to do on an empty account."""
    names = ["load"] * 4 + random.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=count - 4)
    return [(name, *unpack("4H", random.randbytes(8))) for name in names]


def fault_of(stage: Stage, variant: int, steps: Sequence[Step]) -> tuple[int, Exception] | None:
    """Live a life and give the place of the step that failed, and why; None where all agreed."""
    life = Steps(stage, variant)
    for place, step in enumerate(steps):
        try:
            life.take(step)
        except Exception as error:
            return place, error
    return None


def shorten(stage: Stage, variant: int, steps: Sequence[Step]) -> list[Step]:
    """Take steps out of a failing life for as long as it fails: halves, quarters, down to single ones."""
    steps, size, tries = list(steps), max(len(steps) // 2, 1), 0
    while tries < TRIES_MAX:
        place, shorter = 0, False
        while place < len(steps) and tries < TRIES_MAX:
            tries += 1
            rest = steps[:place] + steps[place + size :]
            found = fault_of(stage, variant, rest)
            if found is None:
                place += size
            else:
                steps, shorter = rest[: found[0] + 1], True
        if size == 1 and not shorter:
            break
        size = max(size // 2, 1)
    return steps


@dataclass(frozen=True)
class Fault:
    """A life that failed at the last of its steps, and why."""

    variant: int
    steps: list[Step]
    error: Exception


def first_fault(
    stage: Stage, part: int | str, *, steps: int, seed: str, tally: Tally | None = None
) -> Fault | None:
    """Live lives of a seed's part until one fails; None where so many steps were taken and all agreed.

    Answers are compared at each step, all that stands in the database after each few and at the end of a
    life; the audit runs now and then, and at last. `tally` counts what the steps came to.
    """
    random, taken, audited = Random(f"{seed}/{part}"), 0, 0
    while taken < steps:
        variant, life_steps = random.randint(0, NUMBER_MAX), make_steps(random, STEPS_OF_A_LIFE)
        life = Steps(stage, variant, tally=tally, compared_every=STEPS_OF_A_COMPARISON)
        for place, step in enumerate(life_steps):
            try:
                taken += life.take(step)
                if place == len(life_steps) - 1:
                    life.compare_whole()
            except Exception as error:
                return Fault(variant, life_steps[: place + 1], error)
        if taken - audited >= STEPS_OF_AN_AUDIT:
            assert_ledger_is_clean()
            audited = taken
    assert_ledger_is_clean()
    return None


def walk(part: int | str, *, steps: int, seed: str = SEED) -> None:
    """Take so many steps of a seed's part. Raises WalkFailed with the seed and the steps, made short."""
    began, stage = time.monotonic(), Stage()
    print(f"PREPAID_MODEL_SEED={seed}, part {part}, {steps} steps")
    tally: Tally = Tally()
    fault = first_fault(stage, part, steps=steps, seed=seed, tally=tally)
    if fault is not None:
        raise WalkFailed(tell(stage, fault, seed)) from fault.error
    print(f"{(time.monotonic() - began) / steps * 1e6:.0f} us a step")
    print(table(tally))
    if steps >= STEPS_TO_MEET_ALL:
        rare = {name: count for name in WEIGHTS if (count := come_off(tally, name)) < OFTEN}
        assert not rare, f"steps that hardly ever come off: {rare}"


def tell(stage: Stage, fault: Fault, seed: str) -> str:
    """Tell what failed, with the steps made short."""
    short = shorten(stage, fault.variant, fault.steps)
    found = fault_of(stage, fault.variant, short)
    last = found[1] if found else fault.error
    lines = "\n".join(f"  {step}," for step in short)
    return (
        f"after {len(fault.steps)} steps of a life (PREPAID_MODEL_SEED={seed}): {fault.error}\n"
        f"made short, variant {fault.variant}, {len(short)} steps: {type(last).__name__}: {last}\n{lines}"
    )


def come_off(tally: Tally, name: str) -> int:
    """Count the steps of a name that did what they are for."""
    meant = (
        "approved",
        "done",
        "refused",
        "into a month",
        *(("already_reversed",) if name == "come_late" else ()),
    )
    return sum(
        count
        for (step, outcome), count in tally.items()
        if step == name and (outcome.startswith(meant) or outcome.endswith("again"))
    )


def table(tally: Tally) -> str:
    """Write what the steps came to: a line for each name, the most frequent outcome first."""
    lines = []
    for name in sorted({name for name, _ in tally}):
        outcomes = Counter({outcome: count for (step, outcome), count in tally.items() if step == name})
        told = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
        lines.append(f"{name:<20}{outcomes.total():>6}  {told}")
    return "\n".join(lines)
