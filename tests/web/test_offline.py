"""The office page of offline sales: limits as typed, exposure as told, and what cards owe."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from prepaid.settlement.advices import record_advices
from prepaid.stores.models import StandIn, Terminal
from tests.offline import advise, allow
from tests.web.conftest import Desk, open_desk

TYPED = {
    "per_transaction": "50.00",
    "per_card": "100",
    "per_terminal": "1000.50",
    "count": "20",
    "hours": "12",
    "floor_qr": "10",
    "floor_uid": "",
}


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def kept(desk: Desk) -> dict[str, Any] | None:
    found = StandIn.objects.filter(store=desk.shop.store).values().first()
    return None if found is None else dict(found)


def test_limits_are_kept_as_typed_in_minor_units(manager: Desk) -> None:
    answer = manager.client().post("/office/terminals/offline", TYPED)

    found = kept(manager)
    assert answer.status_code == 302
    assert found is not None
    assert (found["per_transaction"], found["per_card"], found["per_terminal"]) == (5_000, 10_000, 100_050)
    assert (found["count"], found["age_s"], found["floor_sun"]) == (20, 43_200, 5_000)
    assert (found["floor_qr"], found["floor_uid"], found["changed_by"]) == (1_000, 0, manager.staff.code)
    page = manager.client().get("/office/terminals/offline").content.decode()
    assert 'value="1000.50"' in page


@pytest.mark.parametrize(
    "changed",
    [
        {"per_transaction": "x"},
        {"per_transaction": "50.001"},
        {"per_card": "49.99"},
        {"per_terminal": "99"},
        {"count": "5001"},
        {"hours": "169"},
        {"hours": ""},
    ],
)
def test_limits_that_contradict_each_other_change_nothing(manager: Desk, changed: dict[str, str]) -> None:
    manager.client().post("/office/terminals/offline", TYPED)
    before = kept(manager)

    answer = manager.client().post("/office/terminals/offline", TYPED | changed)

    assert answer.status_code == 200
    assert kept(manager) == before


def test_selling_offline_can_be_stopped(manager: Desk) -> None:
    manager.client().post("/office/terminals/offline", TYPED)
    manager.client().post("/office/terminals/offline", {"off": "1"})

    found = kept(manager)
    assert found is not None
    assert (found["count"], found["per_transaction"], found["version"]) == (0, 0, 2)
    assert (
        "Off: without the site nothing is sold."
        in manager.client().get("/office/terminals/offline").content.decode()
    )


def test_a_cashier_sees_and_changes_nothing(db: None) -> None:
    cashier = open_desk()
    assert cashier.client().get("/office/terminals/offline").status_code == 403
    assert cashier.client().post("/office/terminals/offline", TYPED).status_code == 403
    assert kept(cashier) is None


def test_exposure_and_shortfall_are_shown(manager: Desk) -> None:
    shop = manager.shop
    grant = allow(shop)
    held = shop.card(balance=300)
    sold = advise(shop, held, 1_000, grant)
    Terminal.objects.filter(pk=shop.terminal.pk).update(
        queue_count=3, queue_amount_minor=7_550, queue_oldest_at=datetime.now(UTC)
    )
    record_advices([sold.id], [], at=datetime.now(UTC))

    page = manager.client().get("/office/terminals/offline").content.decode()
    findings = manager.client().get("/office/exceptions").content.decode()

    assert "¥75.50" in page
    assert "¥7.00" in page
    assert "Sold offline what the card did not have" in findings
    assert "Not covered: ¥7.00" in findings
