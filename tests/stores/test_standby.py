"""Standbys: ready or BAK-01, promoted in one step, and never twice."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from prepaid.stores.attestation import unlock
from prepaid.stores.errors import PromotionRefused, StandbyNotReady, UnlockRefused
from prepaid.stores.health import record_heartbeat
from prepaid.stores.models import Terminal, TerminalReplacement
from prepaid.stores.policy import POLICY_VERSION
from prepaid.stores.standby import promote
from terminals import messages
from tests.shop import NOON, Shop, open_shop, together


def spare_of(shop: Shop, name: str = "Spare") -> Terminal:
    return Terminal.objects.create(
        store=shop.store, name=name, public_key=os.urandom(32), enrolled_at=NOON, state="standby"
    )


def beat(terminal: Terminal, *, at: datetime, hot_list: int = 0, held: int = 0) -> messages.HeartbeatAnswer:
    """Tell a heartbeat of a terminal that holds the site's policy and version `held` of the hot list."""
    heartbeat = messages.Heartbeat(
        agent_version="0.1.0",
        clock=at,
        queue=messages.QueueState(count=0, amount=0),
        policy_version=POLICY_VERSION,
        hot_list_version=held,
    )
    current = Terminal.objects.select_related("store").get(pk=terminal.pk)
    return record_heartbeat(current, heartbeat, hot_list_version=hot_list, at=at)


def put_in_place(shop: Shop, spare: Terminal, **changed: Any) -> Terminal:
    values: dict[str, Any] = {"actor": "m-1", "note": "the screen broke", "hot_list_version": 0, "at": NOON}
    return promote(spare.pk, shop.terminal.pk, **values | changed)


@pytest.fixture
def shop(db: None) -> Shop:
    made = open_shop()
    made.till.terminal = made.terminal
    made.till.save()
    return made


def as_it_was(shop: Shop, spare: Terminal) -> bool:
    rows = Terminal.objects.filter(store=shop.store).order_by("name").values_list("name", "state")
    shop.till.refresh_from_db()
    paired = shop.till.terminal_id == shop.terminal.pk
    return list(rows) == [("Spare", "standby"), ("T1", "active")] and paired


def test_a_ready_standby_takes_over_name_and_till_and_the_failed_one_is_locked(shop: Shop) -> None:
    spare = spare_of(shop)
    answer = beat(spare, at=NOON)
    assert (answer.standby, answer.name) == (True, "Spare")

    put_in_place(shop, spare)

    spare.refresh_from_db()
    shop.terminal.refresh_from_db()
    shop.till.refresh_from_db()
    assert (spare.name, spare.state) == ("T1", "active")
    assert (shop.terminal.name, shop.terminal.state) == ("T1 replaced", "locked")
    assert shop.till.terminal_id == spare.pk
    kept = TerminalReplacement.objects.get(failed=shop.terminal)
    assert (kept.successor_id, kept.name, kept.by, kept.note) == (spare.pk, "T1", "m-1", "the screen broke")
    answer = beat(spare, at=NOON + timedelta(minutes=1))
    assert (answer.standby, answer.name) == (False, "T1")


@pytest.mark.parametrize(
    ("seen_before", "hot_list", "held", "found"),
    [
        (None, 0, 0, "never synchronised"),
        (timedelta(hours=24, minutes=1), 0, 0, "last synchronised on"),
        (timedelta(hours=1), 8, 7, "its hot list is version 7, the site's 8"),
    ],
)
def test_a_standby_that_is_not_ready_is_refused_and_nothing_changes(
    shop: Shop, seen_before: timedelta | None, hot_list: int, held: int, found: str
) -> None:
    spare = spare_of(shop)
    if seen_before is not None:
        beat(spare, at=NOON - seen_before, hot_list=held, held=held)

    with pytest.raises(StandbyNotReady, match=found) as refused:
        put_in_place(shop, spare, hot_list_version=hot_list)

    assert refused.value.code == "BAK-01"
    assert as_it_was(shop, spare)


def test_a_heartbeat_with_an_old_hot_list_does_not_count_as_synchronised(shop: Shop) -> None:
    spare = spare_of(shop)
    beat(spare, at=NOON, hot_list=8, held=7)

    with pytest.raises(StandbyNotReady):
        put_in_place(shop, spare, hot_list_version=8)
    assert as_it_was(shop, spare)


def test_only_a_standby_of_the_same_store_replaces_a_terminal_in_use(shop: Shop) -> None:
    spare, other = spare_of(shop), open_shop()
    stranger = spare_of(other)
    for each in (spare, stranger):
        beat(each, at=NOON)

    for standby, note in ((stranger, "x"), (shop.terminal, "x"), (spare, " ")):
        with pytest.raises(PromotionRefused):
            put_in_place(shop, standby, note=note)
    with pytest.raises(PromotionRefused):
        promote(shop.terminal.pk, spare.pk, actor="m-1", note="x", hot_list_version=0, at=NOON)
    assert as_it_was(shop, spare)


def test_a_terminal_is_replaced_once_and_is_never_unlocked_again(shop: Shop) -> None:
    first, second = spare_of(shop), spare_of(shop, "Spare 2")
    for each in (first, second):
        beat(each, at=NOON)
    put_in_place(shop, first)

    with pytest.raises(PromotionRefused):
        put_in_place(shop, second)
    with pytest.raises(UnlockRefused):
        unlock(shop.terminal.pk, actor="m-1", note="found it again", at=NOON)


def test_a_replacement_is_never_rewritten(shop: Shop) -> None:
    spare = spare_of(shop)
    beat(spare, at=NOON)
    put_in_place(shop, spare)

    for sql in (
        "update stores_terminalreplacement set note = ''",
        "delete from stores_terminalreplacement",
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            connection.cursor().execute(sql)
    assert TerminalReplacement.objects.get(failed=shop.terminal).note == "the screen broke"


@pytest.mark.race
def test_two_promotions_at_once_put_one_standby_in_place(committed_db: None) -> None:
    shop = open_shop()
    spares = [spare_of(shop), spare_of(shop, "Spare 2")]
    for each in spares:
        beat(each, at=NOON)

    results = together([lambda each=each: put_in_place(shop, each) for each in spares])  # type: ignore[misc]

    assert sorted(type(each).__name__ for each in results) == ["PromotionRefused", "Terminal"]
    assert TerminalReplacement.objects.filter(failed=shop.terminal).count() == 1
    assert Terminal.objects.filter(store=shop.store, name="T1").count() == 1


def test_the_command_promotes_the_only_spare_or_says_bak_01(shop: Shop, capsys: Any) -> None:
    spare = spare_of(shop)
    words = ["--store", shop.store.code, "--failed", "T1", "--reason", "dropped"]

    with pytest.raises(CommandError, match="BAK-01: The standby is not ready: it was never synchronised"):
        call_command("promote_terminal", *words)

    beat(spare, at=timezone.now())
    call_command("promote_terminal", *words)

    assert '"name": "T1"' in capsys.readouterr().out
    with pytest.raises(CommandError, match="There is no such spare"):
        call_command("promote_terminal", *words)
