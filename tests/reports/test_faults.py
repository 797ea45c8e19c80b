"""Why presentations fail, ranked; and OPS-TRN-01."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from prepaid.identifiers import uuid7
from prepaid.reports.faults import find_trainees, first_id_at, list_trainees, rank_faults
from prepaid.stores.models import TerminalFault
from tests.shop import NOON, Shop, open_shop

SINCE = NOON - timedelta(days=7)


def fail(shop: Shop, code: str, times: int, *, operator: str = "op-1", version: str = "0.1.0") -> None:
    TerminalFault.objects.bulk_create(
        TerminalFault(
            terminal=shop.terminal,
            code=code,
            at=NOON - timedelta(seconds=number + 1),
            operator=operator,
            agent_version=version,
        )
        for number in range(times)
    )


@pytest.fixture
def shop(db: None) -> Shop:
    TerminalFault.objects.all().delete()
    return open_shop()


def test_causes_are_ranked_with_their_shares(shop: Shop) -> None:
    fail(shop, "NFC-RF-01", 6)
    fail(shop, "CODE-IMG-01", 3)
    fail(shop, "HW-SCN-02", 1)
    fail(shop, "NET-SRV-01", 50)

    ranked = rank_faults("code", since=SINCE, until=NOON)

    assert [(row.name, row.count, row.share, row.cumulative) for row in ranked] == [
        ("NFC-RF-01", 6, 60, 60),
        ("CODE-IMG-01", 3, 30, 90),
        ("HW-SCN-02", 1, 10, 100),
    ]


def test_operators_and_versions_are_ranked_as_well(shop: Shop) -> None:
    fail(shop, "NFC-RF-01", 2, operator="ann", version="0.1.0")
    fail(shop, "NFC-RF-02", 3, operator="bo", version="0.2.0")

    assert [(row.name, row.count) for row in rank_faults("operator", since=SINCE, until=NOON)] == [
        ("bo", 3),
        ("ann", 2),
    ]
    assert [row.name for row in rank_faults("agent_version", since=SINCE, until=NOON)] == ["0.2.0", "0.1.0"]


def test_what_is_older_is_not_counted(shop: Shop) -> None:
    fail(shop, "NFC-RF-01", 2)
    assert rank_faults("code", since=NOON, until=NOON + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("faults", "answers", "found"),
    [
        # 12 of 24 against 5 of 100: ten times as often.
        ({"ann": 12, "bo": 5}, {"ann": 12, "bo": 95}, ["ann"]),
        # 15 of 100 against 5 of 100: exactly three times is not over it.
        ({"ann": 15, "bo": 5}, {"ann": 85, "bo": 95}, []),
        ({"ann": 16, "bo": 5}, {"ann": 84, "bo": 95}, ["ann"]),
        # Too few to mean anything, of hers or of theirs.
        ({"ann": 9, "bo": 1}, {"ann": 0, "bo": 99}, []),
        ({"ann": 20}, {"bo": 29}, []),
        # Nobody else ever fails.
        ({"ann": 12}, {"ann": 12, "bo": 100}, ["ann"]),
        ({}, {}, []),
    ],
)
def test_an_operator_over_three_times_the_peer_rate_is_shown_how(
    faults: dict[str, int], answers: dict[str, int], found: list[str]
) -> None:
    assert [each.operator for each in find_trainees(faults, answers)] == found


def test_the_rule_counts_real_answers_and_faults_of_the_user_alone(shop: Shop) -> None:
    held = shop.card(balance=100_000)
    for _ in range(30):
        shop.redeem(held, 100, operator=f"bo-{shop.store.code}", recorded_at=NOON, occurred_at=NOON)
    name = f"ann-{shop.store.code}"[:32]
    fail(shop, "CODE-IMG-01", 12, operator=name)
    fail(shop, "HW-USB-01", 40, operator=f"bo-{shop.store.code}"[:32])
    until = timezone.now() + timedelta(minutes=1)
    [found] = [each for each in list_trainees(since=SINCE, until=until) if each.operator == name]

    assert (found.faults, found.attempts, found.peer_faults) == (12, 12, 0)
    assert found.peer_attempts >= 30


def test_ids_of_a_moment_begin_where_it_does() -> None:
    made = uuid7()
    assert first_id_at(NOON).version == 7
    assert first_id_at(NOON) < made
