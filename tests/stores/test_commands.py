"""Enrolment codes and stand-in limits, made by command."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from prepaid.stores.enrolment import enrol
from prepaid.stores.models import Enrolment, StandIn, Store, Terminal
from prepaid.stores.opening import open_store

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores() -> list[Store]:
    return [open_store(code, code.title(), currency="CNY", tills=("Counter 1",)) for code in ("0002", "0001")]


def make(*words: str) -> dict[str, str]:
    out = io.StringIO()
    call_command("enrolment_code", *words, stdout=out)
    told: dict[str, str] = json.loads(out.getvalue())
    return told


def use(code: str) -> Terminal:
    return enrol(code, bytes(32), agent_version="0.1.0", platform="Linux", at=timezone.now())


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_code_is_printed_as_json_and_enrols_at_the_first_store(
    stores: list[Store], words: tuple[str, ...]
) -> None:
    told = make(*words)

    assert list(told) == ["code", "expires_at"]
    left = datetime.fromisoformat(told["expires_at"]) - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert use(told["code"]).store.code == "0001"


def test_store_name_and_standby_are_those_asked_for(stores: list[Store]) -> None:
    terminal = use(make("--store", "0002", "--name", "Bar", "--standby")["code"])

    assert (terminal.store.code, terminal.name, terminal.state) == ("0002", "Bar", "standby")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--store", "NOPE"), "There is no store NOPE"),
        (("--name", "x" * 41), "at most 40 characters"),
        (("--store", "0001", "--name", "Bar"), "The store has a terminal named Bar"),
    ],
)
def test_code_that_cannot_be_made_is_not_made(
    stores: list[Store], words: tuple[str, ...], complaint: str
) -> None:
    use(make("--store", "0001", "--name", "Bar")["code"])

    with pytest.raises(CommandError, match=complaint):
        make(*words)

    assert Enrolment.objects.filter(store__in=stores, used_at=None).count() == 0


def allow(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("stand_in", *words, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_stand_in_limits_are_set_and_taken_back(stores: list[Store]) -> None:
    allowed = allow("--store", "0002", "--per-transaction", "5000", "--floor-qr", "1000")
    off = allow("--store", "0002", "--off")

    assert (allowed["per_transaction"], allowed["floor_sun"], allowed["floor_qr"]) == (5_000, 5_000, 1_000)
    assert (off["count"], off["per_transaction"], off["version"]) == (0, 0, allowed["version"] + 1)


def test_stand_in_limits_that_contradict_each_other_are_refused(stores: list[Store]) -> None:
    with pytest.raises(CommandError, match="Nothing was changed"):
        allow("--store", "0002", "--per-transaction", "5000", "--per-card", "4999")

    assert not StandIn.objects.filter(store__in=stores).exists()
