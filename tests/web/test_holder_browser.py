"""A pay code from the counter's link to the terminal's sale: real phone page, real camera, real agent."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from django.utils import timezone
from playwright.sync_api import expect

from prepaid.cards.pay_codes import make_code
from prepaid.runner.environment import BASE_FOLDER
from prepaid.stores.enrolment import create_code
from terminals.state import StateFolder
from terminals.terminal import enrol
from tests.shop import assert_ledger_is_clean
from tests.web.conftest import Desk, Screen, assert_accessible
from tests.web.phones import HolderPhone, issue_with_pay_codes, make_phone, offer_at_the_counter, photograph

__all__ = ["make_phone"]
pytestmark = pytest.mark.browser
MakePhone = Callable[..., HolderPhone]


@pytest.fixture
def terminal(open_shop_desk: Desk, site: str, tmp_path: Path) -> Path:
    """The state folder of a terminal of the desk's store, enrolled at the running site."""
    folder = StateFolder(tmp_path / "terminal")
    code, _ = create_code(open_shop_desk.shop.store, name="T2", at=timezone.now())
    enrol(folder, site=site, code=code, reader="udp:127.0.0.1:1")
    return folder.path


def agent(folder: Path, *words: str) -> dict[str, Any]:
    """Run the agent's command line to its end and give what it told."""
    command = [sys.executable, "-m", "terminals", *words, "--json", "--state", str(folder)]
    ended = subprocess.run(command, cwd=BASE_FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_code_scanned_from_the_phones_screen_pays_once(
    open_shop_desk: Desk, screen: Screen, make_phone: MakePhone, terminal: Path
) -> None:
    made = issue_with_pay_codes(open_shop_desk, balance=140_393)
    phone = make_phone(offer_at_the_counter(screen, made))
    phone.code()

    scanned = photograph(phone.page)
    assert agent(terminal, "balance", "--code", scanned)["balance"] == 140_393
    sale = agent(terminal, "redeem", "--amount", "12.50", "--code", scanned)
    again = agent(terminal, "redeem", "--amount", "12.50", "--code", scanned)

    assert (sale["outcome"], sale["approved_amount"], sale["balance"]) == ("approved", 1_250, 139_143)
    assert (again["outcome"], again["code"], again["money_moved"]) == ("declined", "CODE-USED-01", "no")
    assert open_shop_desk.figures(made)[0] == 139_143
    phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(phone.page.locator("#balance")).to_have_attribute("data-minor", "139143")
    assert_ledger_is_clean()


def test_phone_pays_without_a_connection(
    open_shop_desk: Desk, screen: Screen, make_phone: MakePhone, terminal: Path
) -> None:
    made = issue_with_pay_codes(open_shop_desk, balance=5_000)
    phone = make_phone(offer_at_the_counter(screen, made))
    phone.code()
    phone.page.wait_for_function(
        "() => caches.open('pay-1').then(kept => kept.keys()).then(kept => kept.length > 12)"
    )
    phone.page.wait_for_function("() => navigator.serviceWorker.controller !== null")

    phone.context.set_offline(True)
    phone.page.reload()
    expect(phone.page.locator("[data-says=offline]")).to_be_visible()
    phone.code()
    scanned = photograph(phone.page)

    assert agent(terminal, "redeem", "--amount", "20", "--code", scanned)["outcome"] == "approved"
    expect(phone.page.locator("#balance")).to_have_attribute("data-minor", "5000")
    phone.context.set_offline(False)
    phone.page.reload()
    expect(phone.page.locator("#balance")).to_have_attribute("data-minor", "3000")
    # What a browser says of each call that found no connection.
    phone.complaints[:] = [said for said in phone.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_code_changes_with_the_window_and_a_spent_one_says_so(
    open_shop_desk: Desk, screen: Screen, make_phone: MakePhone, terminal: Path
) -> None:
    made = issue_with_pay_codes(open_shop_desk, balance=5_000)
    phone = make_phone(offer_at_the_counter(screen, made))
    first = phone.code()
    assert agent(terminal, "redeem", "--amount", "5", "--code", first)["outcome"] == "approved"

    phone.page.clock.install()
    phone.page.reload()
    spent = phone.page.locator("#code")
    if phone.code() == first:
        expect(spent).to_have_attribute("data-state", "spent")
    phone.page.clock.fast_forward(31_000)
    expect(spent).to_have_attribute("data-state", "good")

    assert phone.code() != first


def test_phone_whose_clock_is_wrong_shows_the_sites_code(
    open_shop_desk: Desk, screen: Screen, make_phone: MakePhone, terminal: Path
) -> None:
    made = issue_with_pay_codes(open_shop_desk, balance=5_000)
    phone = make_phone(offer_at_the_counter(screen, made))
    phone.code()

    phone.page.clock.install(time=timezone.now() + timedelta(minutes=20))
    phone.page.reload()
    code = phone.code()

    assert agent(terminal, "redeem", "--amount", "5", "--code", code)["outcome"] == "approved"


def test_page_makes_the_sites_very_codes_and_segnos_very_modules(
    open_shop_desk: Desk, screen: Screen, site: str
) -> None:
    chance = random.Random(20261123)
    secret = chance.randbytes(32)
    asked = [(f"{chance.randrange(10**9):09}", chance.randrange(2**40)) for _ in range(200)]

    told = screen.page.evaluate(
        """async ([secret, asked]) => {
            const { importKey, makeCode } = await import("/static/js/pay/code.js");
            const { modulesOf } = await import("/static/js/pay/qr.js");
            const key = await importKey(secret);
            const codes = await Promise.all(asked.map(([number, window]) => makeCode(number, key, window)));
            return codes.map((code) => [code, modulesOf(code).map((row) => row.map(Number))]);
        }""",
        [secret.hex(), asked],
    )

    codes = [make_code(number, secret, window) for number, window in asked]
    assert [code for code, _ in told] == codes
    for code, modules in told:
        drawn = segno.make(code, version=2, error="h", mask=0, mode="numeric", boost_error=False)
        assert modules == [list(row) for row in drawn.matrix]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_of_a_phone_are_accessible_and_fit_its_screen(
    open_shop_desk: Desk, screen: Screen, make_phone: MakePhone, language: str
) -> None:
    made = issue_with_pay_codes(open_shop_desk, balance=140_393)
    phone = make_phone(offer_at_the_counter(screen, made), language=language)
    assert_accessible(screen.page)

    for path in ("/pay/", "/pay/history", "/pay/freeze", "/pay/link"):
        phone.page.goto(phone.site + path)
        if path == "/pay/":
            phone.code()
        assert_accessible(phone.page)
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    screen.page.set_viewport_size({"width": 390, "height": 844})
    assert screen.page.evaluate("document.documentElement.scrollWidth") == 390


def test_unlinked_phone_keeps_nothing(open_shop_desk: Desk, screen: Screen, make_phone: MakePhone) -> None:
    made = issue_with_pay_codes(open_shop_desk, balance=5_000)
    phone = make_phone(offer_at_the_counter(screen, made))
    phone.code()

    phone.page.goto(f"{phone.site}/pay/freeze")
    phone.page.click("#unlink button")

    expect(phone.page.locator("h1")).to_have_text("This phone is not linked")
    kept = phone.page.evaluate(
        "import('/static/js/pay/store.js').then(store => store.find('identity')).then(own => own ?? null)"
    )
    assert kept is None
