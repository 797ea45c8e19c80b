"""A card holder's phone in a real Chromium, and a camera that reads what a screen shows."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from prepaid.cards.models import Program
from prepaid.stored_value.issue import IssuedCard
from tests.web.conftest import LOUD, WAIT_MS, Desk, Screen

PHONE = {"width": 390, "height": 844}
PAY_CODES = ["number", "qr", "sun", "pay_code"]


def photograph(page: Page) -> str:
    """Read the one QR code that a page shows, as a scanner in front of it does."""
    image = Image.open(io.BytesIO(page.screenshot()))
    [found] = zxingcpp.read_barcodes(image)
    return str(found.text)


@dataclass(kw_only=True)
class HolderPhone:
    """A linked phone's browser; `complaints` is what its console said."""

    context: BrowserContext
    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)

    def code(self) -> str:
        """Wait until a code is shown and give its digits."""
        self.page.wait_for_function("() => document.documentElement.dataset.code?.length === 24")
        return str(self.page.evaluate("document.documentElement.dataset.code"))


def issue_with_pay_codes(desk: Desk, *, balance: int, **terms: Any) -> IssuedCard:
    Program.objects.filter(pk=desk.shop.program.pk).update(allowed_credentials=PAY_CODES, **terms)
    desk.shop.program.refresh_from_db()
    return desk.issue(balance=balance)


def offer_at_the_counter(screen: Screen, made: IssuedCard) -> str:
    """Let the cashier show a link; give the address that a camera reads from their screen."""
    screen.goto(f"/cards/{made.card.id}/phones")
    assert made.pin
    screen.page.fill("#pin", made.pin)
    screen.page.click("#offer")
    screen.page.wait_for_selector("#link-code")
    return photograph(screen.page)


@pytest.fixture
def make_phone(site: str, browser: Browser) -> Iterator[Callable[..., HolderPhone]]:
    """Open phones; each must end without a complaint on its console."""
    made: list[HolderPhone] = []

    def make(address: str, *, language: str = "en", **options: Any) -> HolderPhone:
        shape: dict[str, Any] = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True}
        context = browser.new_context(**(shape | {"has_touch": True} | options))
        context.set_default_timeout(WAIT_MS)
        context.add_cookies([{"name": "django_language", "value": language, "url": site}])
        phone = HolderPhone(context=context, page=context.new_page(), site=site)
        made.append(phone)
        phone.page.on(
            "console", lambda said: phone.complaints.append(said.text) if said.type in LOUD else None
        )
        phone.page.on("pageerror", lambda error: phone.complaints.append(str(error)))
        phone.page.goto(address)
        phone.page.click("#link button")
        phone.page.wait_for_url(f"{site}/pay/")
        return phone

    expect.set_options(timeout=WAIT_MS)
    yield make
    for phone in made:
        phone.context.close()
    for phone in made:
        assert phone.complaints == []
