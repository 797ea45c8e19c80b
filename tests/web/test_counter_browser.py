"""The counter in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Screen

pytestmark = pytest.mark.browser


def test_a_top_up_is_armed_shown_and_committed(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    assert screen.balance() == 50_000

    screen.enter("+100")
    screen.armed("load")
    expect(screen.page.locator("#say")).to_contain_text("Enter = top up ¥100.00")
    after = screen.page.locator("#after").get_attribute("data-minor")
    screen.enter()

    expect(screen.page.locator("#notice")).to_contain_text("Top-up done ¥100.00")
    assert screen.balance() == 60_000 == int(after or 0)
    expect(screen.page.locator("tr.is-new")).to_contain_text("+¥100.00")
