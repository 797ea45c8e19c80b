"""The whole journey with no fakes: real processes, Chromium, agent, nfcpy over UDP, Celery and PostgreSQL."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journey.cutting import CuttingProxy
from tests.journey.running import ROOT, RunningSite, own_environment
from tests.web.conftest import DESK, WAIT_MS

pytestmark = [pytest.mark.journey, pytest.mark.browser, pytest.mark.long]
# The fifth virtual cards and those before are issued by the demonstration; the sixth is blank.
BLANK = "6"
LONG_MS = 30_000


@pytest.fixture
def page(site: RunningSite, browser: Browser) -> Iterator[Page]:
    """A browser at the site's door; it must end without a complaint on its console."""
    context = browser.new_context(viewport=DESK, locale="en-GB")  # type: ignore[arg-type]
    context.set_default_timeout(LONG_MS)
    expect.set_options(timeout=LONG_MS)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    expect.set_options(timeout=WAIT_MS)
    assert complaints == []


def log_in(page: Page, site: RunningSite, name: str, path: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{site.address}/login?next={path}")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", name)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: urlsplit(url).path == path)


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 90) -> Any:
    """Look again until something is so. Fails with `what` when the time is over."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come within {timeout_s:.0f} seconds")


def issue_in_the_browser(page: Page, site: RunningSite) -> tuple[str, str]:
    """Issue the blank NFC card with 100.00 on it; give its printed number and PIN."""
    page.goto(f"{site.address}/cards/new")
    page.locator('input[name=medium][value="nfc"]').check()
    site.tap(BLANK)
    expect(page.locator("#reader")).to_have_text("New card on the reader: verified")
    page.fill("input[name=holder_name]", "Journey Li")
    page.fill("input[name=amount]", "100.00")
    page.get_by_role("button", name="Issue the card").click()
    expect(page.get_by_role("heading", name="Card issued")).to_be_visible()
    number, pin = (page.locator(place).inner_text() for place in ("#number", "#pin"))
    site.tap("away")
    page.get_by_role("link", name="Open at the counter").click()
    return re.sub(r"\D", "", number), pin


def redeem_by_tap(site: RunningSite, amount: str) -> dict[str, Any]:
    """Ask the terminal for an amount, and lay the card on its reader when it asks for one."""
    command = [sys.executable, "-m", "terminals", "redeem", "--state", str(site.data / "terminal-1")]
    asking = subprocess.Popen(
        [*command, "--amount", amount, "--json", "--wait", "60"],
        cwd=ROOT,
        env=own_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stderr is not None
    assert amount in asking.stderr.readline()
    site.tap(BLANK)
    out, err = asking.communicate(timeout=90)
    site.tap("away")
    assert asking.returncode == 0, out + err
    told: dict[str, Any] = json.loads(out)
    return told


def expect_balance(page: Page, minor: int) -> None:
    expect(page.locator("#balance")).to_have_attribute("data-minor", str(minor))


def report_for_today(page: Page, site: RunningSite) -> dict[str, int]:
    """Read today's figures off the report page, in minor units."""
    today = site.scalar("select (now() at time zone 'Asia/Shanghai')::date::text")
    page.goto(f"{site.address}/office/reports?from={today}&to={today}&currency=CNY")
    tiles = [tile.inner_text() for tile in page.locator(".tile").all()]
    shown = {}
    for name in ("Topped up", "Redeemed", "Liability"):
        (tile,) = [text for text in tiles if text.startswith(name)]
        amount = re.search(r"(−?)¥([\d,]+)\.(\d\d)", tile)
        assert amount, tile
        shown[name] = int(amount[2].replace(",", "") + amount[3]) * (-1 if amount[1] else 1)
    return shown


def test_a_card_is_issued_tapped_voided_reconciled_and_reported(
    site: RunningSite, page: Page, data_folder: Path
) -> None:
    # The report before, to compare with the report after.
    log_in(page, site, "manager", "/office/reports")
    before = report_for_today(page, site)

    # Issued in the browser, on the card that the terminal's reader verified.
    log_in(page, site, "cashier", "/counter")
    number, pin = issue_in_the_browser(page, site)
    expect_balance(page, 10_000)

    # Tapped at the terminal; the counter's open page shows it by itself.
    told = redeem_by_tap(site, "36.50")
    assert (told["outcome"], told["approved_amount"], told["balance"]) == ("approved", 3_650, 6_350)
    expect_balance(page, 6_350)
    expect(page.locator(".history")).to_contain_text("−¥36.50")

    # The network is cut in the middle of an answer: unknown, then exactly one posting.
    with CuttingProxy(site.port) as network:
        state = site.enrol(data_folder / "terminal-2", site=network.address)
        network.cutting.set()
        typed = ["--number", number, "--pin", pin]
        lost = json.loads(site.agent("redeem", "--amount", "5.00", *typed, "--json", state=state, expect=3))
        assert (lost["outcome"], lost["money_moved"]) == ("unknown", "unknown")
        assert network.cuts > 0
        network.cutting.clear()
        resolved = json.loads(site.agent("queue", "--resolve", "--json", state=state))
        assert (resolved["count"], [one["outcome"] for one in resolved["resolved"]]) == (0, ["approved"])
        posted = site.scalar("select count(*) from ledger_transaction where id = %s", lost["id"])
        assert posted == 1

        # Voided, and both batches closed in balance.
        voided = json.loads(site.agent("void", "--rrn", lost["rrn"], "--json", state=state))
        assert (voided["outcome"], voided["balance"]) == ("approved", 6_350)
        assert json.loads(site.agent("close", "--json", state=state))["balanced"] is True
    assert json.loads(site.agent("close", "--json"))["balanced"] is True

    # The worker has folded what happened, by the clock; nothing is amiss.
    wait_until(lambda: site.scalar("select count(*) from ledger_outbox") == 0, "the fold of the outbox")
    assert site.scalar("select count(*) from ledger_daily_sum where type = 'void' and undoes = 'redeem'") >= 1
    site.manage("reconcile")

    # The report has the figures.
    log_in(page, site, "manager", "/office/reports")
    after = report_for_today(page, site)
    assert {name: after[name] - before[name] for name in after} == {
        "Topped up": 10_000,
        "Redeemed": 3_650,
        "Liability": 6_350,
    }

    # A balance changed behind the ledger's back is named with its row, on the office page too.
    account = site.scalar("select account_id::text from ledger_transaction where id = %s", lost["id"])
    with site.database() as database:
        database.execute(
            "update ledger_account set balance = balance + 100, "
            "lots = array[row((lots[1]).lot_no, (lots[1]).bonus, "
            "(lots[1]).remaining + 100, (lots[1]).expires_on)::ledger_open_lot] where id = %s",
            [account],
        )
    named = site.manage("reconcile", expect=1)
    assert account in named
    assert "balance_is_the_sum_of_transfers" in named or "balance" in named
    page.goto(f"{site.address}/office/exceptions")
    expect(page.locator("main")).to_contain_text(account)
