"""A person at a till of a shop of their own, and a real Chromium in front of a real server.

Every page is watched: an error on its console, such as a refusal by the security policy, fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import WSGIServer
from django.http import FileResponse, HttpRequest, HttpResponse
from django.test import Client
from django.test.testcases import LiveServerThread, QuietWSGIRequestHandler
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from prepaid.cards.presentation import Presentation, at_the_desk
from prepaid.identifiers import uuid7
from prepaid.ledger.models import LedgerAccount
from prepaid.money import Money
from prepaid.stored_value.issue import IssuedCard, issue
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.stores.models import Staff, Tap
from prepaid.stores.taps import record_tap
from tests.databases import own_database
from tests.shop import Shop, open_shop

WAIT_MS = 20_000
# Each language and each scheme once: texts do not change with colours, nor contrasts with texts.
WAYS = [("en", "light"), ("zh-hans", "dark")]
LOUD = ("error", "warning")
DESK = {"width": 1440, "height": 900}


@dataclass(kw_only=True)
class Desk:
    """A shop, and the person who works at its till."""

    shop: Shop
    staff: Staff
    user: User

    def client(self) -> Client:
        """Give a browser without scripts, logged in."""
        client = Client()
        client.force_login(self.user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def issue(
        self, *, balance: int = 0, holder: str = "Wang Xiaoyu", actor: str = "", **terms: Any
    ) -> IssuedCard:
        """Issue a card as the counter does, with value on it; `actor` is who did, if another."""
        made = issue(
            card_id=uuid7(),
            program=self.shop.program,
            origin=self.shop.counter,
            actor=actor or self.staff.code,
            at=timezone.now(),
            holder_name=holder,
            **terms,
        )
        if balance:
            self.load(made, balance)
        return made

    def load(self, made: IssuedCard, amount: int) -> UUID:
        """Top up as the till does; give the transaction's id."""
        request = self.shop.request(origin=self.shop.counter, sequence=None, **self._now())
        answer = load(request, at_the_desk(made.card.id), Money(amount, "CNY"), tender="cash")
        assert answer.approved
        return answer.id

    def redeem_at_the_terminal(self, made: IssuedCard, amount: int) -> UUID:
        """Redeem as the paired terminal does: one call, without an inquiry, so no tap is told."""
        answer = redeem(self.shop.request(**self._now()), at_the_desk(made.card.id), Money(amount, "CNY"))
        assert answer.approved
        return answer.id

    def tap(self, made: IssuedCard | None, *, lookup: bytes | None = None, method: str = "sun") -> Tap:
        """Lay a card on the paired terminal's reader."""
        card_id = made.card.id if made else None
        presentation = Presentation(method, lookup=lookup or os.urandom(32), counter=1)
        return record_tap(self.shop.terminal, card_id=card_id, presentation=presentation, at=timezone.now())

    def figures(self, made: IssuedCard) -> tuple[int, int]:
        """Give what the ledger says: balance and number of transactions."""
        account = LedgerAccount.objects.get(pk=made.card.account_id)
        return account.balance, account.position

    def _now(self) -> dict[str, Any]:
        now = timezone.now()
        return {"occurred_at": now, "recorded_at": now, "operator": self.staff.code}


def open_desk(*, role: str = "cashier", name: str = "Mei Lin", paired: bool = True) -> Desk:
    """Open a shop with one person at its till, paired with its terminal."""
    shop = open_shop(name_zh="礼品卡")
    if paired:
        shop.till.terminal = shop.terminal
        shop.till.save()
    first, _, last = name.partition(" ")
    user = User.objects.create(username=f"u{shop.store.code}", first_name=first, last_name=last)
    code = f"S{shop.store.code}"
    staff = Staff.objects.create(user=user, store=shop.store, till=shop.till, code=code, role=role)
    return Desk(shop=shop, staff=staff, user=user)


@pytest.fixture
def desk(db: None) -> Desk:
    """A cashier at a till, in a transaction that is rolled back."""
    return open_desk()


@pytest.fixture
def open_shop_desk(committed_db: None) -> Desk:
    """A cashier at a till, for a server in other threads."""
    return open_desk()


class StaticFiles(StaticFilesHandler):
    """Let a browser keep the site's files, as a running site does for their hashed names."""

    def serve(self, request: HttpRequest) -> HttpResponse | FileResponse:
        answer = super().serve(request)
        answer["Cache-Control"] = "max-age=3600, immutable"
        return answer


class Server(LiveServerThread):
    """Django's own test server, one connection a thread, on the committed database."""

    def _create_server(self, connections_override: Any = None) -> WSGIServer:
        return self.server_class((self.host, self.port), QuietWSGIRequestHandler, allow_reuse_address=False)


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of a running site, whose database is empty when a file's tests begin.

    Lists of terminals and orders show those of every store: with what other files leave, they would grow.
    """
    with django_db_blocker.unblock(), own_database():
        thread = Server("127.0.0.1", StaticFiles)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        if thread.error:
            raise thread.error
        yield f"http://127.0.0.1:{thread.port}"
        thread.terminate()


@dataclass(kw_only=True)
class Screen:
    """A browser page at the counter of a desk."""

    desk: Desk
    page: Page
    site: str
    complaints: list[str]
    # What its console may say, because the test breaks it: also after the test, until the page is gone.
    expected: tuple[str, ...] = ()

    def goto(self, path: str = "/counter") -> None:
        self.page.goto(self.site + path)
        if self.page.locator("#cmd").count():
            self.page.wait_for_function("document.documentElement.dataset.ready === 'yes'")

    def type(self, text: str) -> None:
        """Type into whatever has the cursor, as fingers do."""
        self.page.keyboard.type(text)

    def enter(self, text: str = "") -> None:
        """Type a text and press Enter."""
        self.type(text)
        self.page.keyboard.press("Enter")

    def open(self, made: IssuedCard) -> None:
        """Open a card by its printed number."""
        assert made.number
        self.enter(made.number)
        expect(self.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))

    def redeem_at_the_terminal(self, made: IssuedCard, amount: int) -> None:
        """Redeem as the paired terminal does, and open the card on a page that has nothing to hear of it."""
        self.desk.redeem_at_the_terminal(made, amount)
        self.goto()
        self.open(made)

    def armed(self, kind: str) -> None:
        """Wait until an action is armed, and for as long as the guard against a double Enter lasts."""
        expect(self.page.locator("#armed")).to_have_attribute("data-armed", kind)
        self.page.wait_for_function("() => new Promise(done => setTimeout(() => done(true), 300))")

    def balance(self) -> int:
        return int(self.page.locator("#balance").get_attribute("data-minor") or "-1")


@pytest.fixture
def make_screen(open_shop_desk: Desk, site: str, browser: Browser) -> Iterator[Callable[..., Screen]]:
    """Open pages in contexts of their own; each must end without a complaint on its console."""
    contexts: list[BrowserContext] = []
    screens: list[Screen] = []

    def make(
        desk: Desk | None = None, *, language: str = "en", path: str | None = "/counter", **options: Any
    ) -> Screen:
        desk = desk or open_shop_desk
        context = browser.new_context(**({"viewport": DESK} | options))
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        session = desk.client().cookies["sessionid"].value
        cookies: Any = [
            {"name": "sessionid", "value": session, "url": site},
            {"name": "django_language", "value": language, "url": site},
        ]
        context.add_cookies(cookies)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type in LOUD else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        screen = Screen(desk=desk, page=page, site=site, complaints=complaints)
        screens.append(screen)
        if path:
            screen.goto(path)
        return screen

    expect.set_options(timeout=WAIT_MS)
    yield make
    for context in contexts:
        context.close()
    for screen in screens:
        told = screen.complaints
        assert [said for said in told if not any(word in said for word in screen.expected)] == []


@pytest.fixture
def screen(make_screen: Callable[..., Screen]) -> Screen:
    """The counter of a cashier, without a card."""
    return make_screen()


def assert_fits(page: Page, *widths: int, height: int = 844) -> None:
    """Turn the window to each width: the page as it is now must not scroll sideways in any."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") == width, (page.url, width)


def assert_accessible(page: Page) -> None:
    """Run axe over the page as it is now, and give a document its source but once."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    run = "axe.run({resultTypes: ['violations']}).then(({violations}) => ({violations}))"
    found = AxeResults(page.evaluate(run))
    assert found.violations_count == 0, found.generate_report()
