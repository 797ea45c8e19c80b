"""Part 3 of the walk: a file of its own, so that the parts run beside each other."""

import pytest

from tests.model.walk import PARTS, STEPS, walk

pytestmark = pytest.mark.long


def test_postgresql_and_the_model_agree_on_every_step(scratch_db: str) -> None:
    walk(3, steps=STEPS // PARTS)
