"""Alerts about terminals: raised once, ended by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from prepaid.settlement.fleet import watch_terminals
from prepaid.settlement.models import SettlementException
from prepaid.stores.attestation import lock, unlock
from prepaid.stores.models import Terminal
from tests.shop import NOON, Shop, open_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    Terminal.objects.update(state="retired")
    return open_shop()


def put(shop: Shop, **values: object) -> None:
    Terminal.objects.filter(pk=shop.terminal.pk).update(**values)


def alerts(shop: Shop, *, is_open: bool = True) -> list[str]:
    rows = SettlementException.objects.filter(key=str(shop.terminal.pk), resolved_at__isnull=is_open)
    return sorted(rows.values_list("kind", flat=True))


def watch(minutes: float = 0) -> datetime:
    at = NOON + timedelta(minutes=minutes)
    watch_terminals(at)
    return at


def test_a_terminal_that_is_silent_too_long_is_told_once_and_ends_by_itself(shop: Shop) -> None:
    put(shop, last_seen_at=NOON)
    watch(15)
    assert alerts(shop) == []
    watch(15.1)
    watch(16.1)
    assert alerts(shop) == ["terminal_offline"]

    put(shop, last_seen_at=NOON + timedelta(minutes=17))
    watch(17)

    assert alerts(shop) == []
    ended = SettlementException.objects.get(key=str(shop.terminal.pk))
    assert (ended.resolved_by, ended.note) == ("site", "ended by itself")


def test_a_second_silence_is_a_second_alert(shop: Shop) -> None:
    put(shop, last_seen_at=NOON)
    watch(20)
    put(shop, last_seen_at=NOON + timedelta(minutes=21))
    watch(21)
    watch(60)

    assert alerts(shop) == ["terminal_offline"]
    assert alerts(shop, is_open=False) == ["terminal_offline"]


def test_a_queue_that_is_too_old_is_told(shop: Shop) -> None:
    put(shop, last_seen_at=NOON, queue_count=3, queue_oldest_at=NOON - timedelta(minutes=59))
    watch()
    assert alerts(shop) == []

    watch(2)

    assert alerts(shop) == ["terminal_queue_old"]


def test_a_lock_is_told_until_it_is_ended(shop: Shop) -> None:
    put(shop, last_seen_at=NOON)
    lock(shop.terminal.pk, code="SW-TAMP-01", found="the files", at=NOON)
    watch(1)
    assert alerts(shop) == ["terminal_locked"]

    unlock(shop.terminal.pk, actor="m-1", note="looked at", at=NOON)
    watch(2)

    assert alerts(shop) == []


@pytest.mark.parametrize("state", ["retired", "locked"])
def test_a_terminal_that_is_out_of_use_is_not_told_as_silent(shop: Shop, state: str) -> None:
    put(shop, last_seen_at=NOON, state=state)
    watch(60)
    assert "terminal_offline" not in alerts(shop)
