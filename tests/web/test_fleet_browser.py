"""The terminals in a real browser: accessible in both languages, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from prepaid.stores.attestation import lock
from prepaid.stores.health import SLOT, slot_of
from prepaid.stores.models import Terminal, TerminalFault, TerminalPulse
from tests.web.conftest import Desk, Screen, assert_accessible, open_desk

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]
PARTS = [
    {"name": "card_reader", "status": "AVAILABLE", "code": None},
    {"name": "scanner", "status": "NEEDS_ATTENTION", "code": "HW-SCN-03"},
]


def busy_desk() -> Desk:
    """A shop whose terminal has a day behind it, a broken scanner, faults and a lock."""
    desk, now = open_desk(role="manager"), timezone.now()
    terminal = desk.shop.terminal
    Terminal.objects.filter(pk=terminal.pk).update(
        last_seen_at=now,
        enrolled_at=now - timedelta(days=2),
        components=PARTS,
        queue_count=2,
        files_hash="ab" * 32,
        agent_version="0.1.0",
    )
    TerminalPulse.objects.bulk_create(
        TerminalPulse(terminal=terminal, slot=slot_of(now) - SLOT * number, is_slow=number == 30)
        for number in range(200)
    )
    for number in range(3):
        at = now - timedelta(minutes=number)
        TerminalFault.objects.create(terminal=terminal, code="NFC-RF-01", at=at, operator="ann")
    lock(terminal.pk, code="SW-TAMP-01", found="the settings", at=now)
    return desk


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "light", 1440), ("zh-hans", "dark", 390)])
def test_the_fleet_and_a_terminal_are_accessible_and_fit(
    make_screen: Make, committed_db: None, language: str, scheme: str, width: int
) -> None:
    desk = busy_desk()
    viewport = {"width": width, "height": 900}
    screen = make_screen(desk, language=language, color_scheme=scheme, viewport=viewport, path=None)
    for path in ("/office/terminals", f"/office/terminals/{desk.shop.terminal.pk}"):
        screen.goto(path)
        assert_accessible(screen.page)
        assert screen.page.evaluate("document.documentElement.scrollWidth") == width
    screen.page.locator("details.ask summary").first.click()
    assert_accessible(screen.page)
    assert screen.page.evaluate("document.documentElement.scrollWidth") == width


def test_a_locked_terminal_is_unlocked_with_a_reason(make_screen: Make, committed_db: None) -> None:
    desk = busy_desk()
    screen = make_screen(desk, path=f"/office/terminals/{desk.shop.terminal.pk}")
    screen.page.get_by_role("button", name="Unlock").first.click()
    screen.page.get_by_label("What was found and done").fill("the reader was exchanged")
    screen.page.locator("form[action$=unlock] button[type=submit]").click()
    screen.page.get_by_text("The terminal may work again").wait_for()
    assert Terminal.objects.get(pk=desk.shop.terminal.pk).state == "active"
