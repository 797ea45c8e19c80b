"""A cashier's hands and a blank: issue, lay it down, Enter opens the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from terminals.conversations import meet
from tests.api.conftest import Till
from tests.cardtable import fresh_uid, open_desk
from tests.web.conftest import Desk, Screen, assert_accessible

pytestmark = pytest.mark.browser


def test_blank_is_written_while_the_page_watches(
    make_screen: Callable[..., Screen], open_shop_desk: Desk, tmp_path: Path
) -> None:
    table = open_desk(Till(shop=open_shop_desk.shop), tmp_path)
    screen = make_screen(path="/cards/new", language="zh-hans", viewport={"width": 390, "height": 844})
    screen.page.get_by_label("空白芯片卡").check()
    screen.page.locator("#issue button[type=submit]").click()
    expect(screen.page.locator("#chip")).to_have_attribute("data-state", "waiting")

    meet(table.site, table.table.reader, table.lay(table.blank(fresh_uid())))

    expect(screen.page.locator("#chip")).to_have_attribute("data-state", "done")
    expect(screen.page.locator("#open-card")).to_be_focused()
    assert_accessible(screen.page)
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#card")).to_be_visible()
    table.table.reader.close()
    table.table.counters.close()
