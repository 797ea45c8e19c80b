"""The office: exceptions."""

from __future__ import annotations

import pytest
from django.utils import timezone

from prepaid.settlement.exceptions import Finding, record
from prepaid.settlement.models import SettlementException
from tests.web.conftest import Desk, open_desk


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def test_a_finding_is_listed_and_resolved_with_a_reason(manager: Desk) -> None:
    record(
        [Finding(kind="chain_verifies", subject="ledger_account", key="k-1", found="position 3 differs")],
        at=timezone.now(),
    )
    found = SettlementException.objects.get(key="k-1")
    client = manager.client()
    page = client.get("/office/exceptions").content.decode()
    assert "Hash chain is broken" in page
    assert "position 3 differs" in page

    client.post(f"/office/exceptions/{found.id}", {"note": ""})
    found.refresh_from_db()
    assert found.resolved_at is None
    client.post(f"/office/exceptions/{found.id}", {"note": "restored from the backup"})
    found.refresh_from_db()
    assert (found.resolved_by, found.note) == (manager.staff.code, "restored from the backup")
    assert "position 3 differs" not in client.get("/office/exceptions").content.decode()
    assert "restored from the backup" in client.get("/office/exceptions?show=resolved").content.decode()


def test_a_cashier_resolves_nothing(desk: Desk) -> None:
    record(
        [Finding(kind="chain_verifies", subject="ledger_account", key="k-2", found="x")], at=timezone.now()
    )
    found = SettlementException.objects.get(key="k-2")
    assert desk.client().post(f"/office/exceptions/{found.id}", {"note": "mine"}).status_code == 403
    found.refresh_from_db()
    assert found.resolved_at is None


@pytest.mark.parametrize(
    ("behind", "is_linked"), [("", True), ("/1", True), ("/7/2 and more", True), ("x", False)]
)
def test_a_finding_about_an_account_leads_to_its_card(manager: Desk, behind: str, is_linked: bool) -> None:
    card = manager.issue(balance=100).card
    key = f"{card.account_id}{behind}"
    record([Finding(kind="chain_verifies", subject="lot", key=key, found="x")], at=timezone.now())
    page = manager.client().get("/office/exceptions").content.decode()
    assert (f'<a href="/counter/{card.id}">{card.number_masked}</a>' in page) is is_linked
