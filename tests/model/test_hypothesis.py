"""The same steps, chosen and made short by Hypothesis: fewer of them, for each costs more, and other ones."""

from __future__ import annotations

import os
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.model.choices import NUMBER_MAX
from tests.model.stage import Stage
from tests.model.steps import WEIGHTS, Steps
from tests.shop import assert_ledger_is_clean

LIVES = int(os.environ.get("PREPAID_MODEL_LIVES", "40"))
STEPS_OF_A_LIFE = 50
number = st.integers(0, NUMBER_MAX)
names = st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)])


class Machine(RuleBasedStateMachine):
    """One life on a stage that all of them share."""

    stage: ClassVar[Stage]

    @initialize(variant=number, amounts=st.tuples(number, number, number))
    def begin(self, variant: int, amounts: tuple[int, int, int]) -> None:
        self.life = Steps(self.stage, variant)
        for place, amount in enumerate(amounts):
            self.life.take(("load", place, amount, 0, 1))

    @rule(name=names, a=number, b=number, c=number, d=number)
    def step(self, name: str, a: int, b: int, c: int, d: int) -> None:
        self.life.take((name, a, b, c, d))

    def teardown(self) -> None:
        if hasattr(self, "life"):
            self.life.compare_whole()


def test_postgresql_and_the_model_agree_on_every_life(scratch_db: str) -> None:
    Machine.stage = Stage()
    checks = settings(
        max_examples=LIVES,
        stateful_step_count=STEPS_OF_A_LIFE,
        deadline=None,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=checks)
    assert_ledger_is_clean()
