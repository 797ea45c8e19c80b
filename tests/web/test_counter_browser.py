"""The counter in a real browser: keys, the pad, the faults that were found by building it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.shop import assert_ledger_is_clean
from tests.web.conftest import Desk, Screen

pytestmark = pytest.mark.browser
Make = Callable[..., Screen]


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
    assert made.number is not None
    assert made.number not in screen.page.url


def test_a_redeem_by_the_keypad_and_the_mouse_alone(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    screen.page.locator(".mode-redeem").click()
    for key in "36.5":
        screen.page.locator(f'[data-key="{key}"]').click()
    expect(screen.page.locator("#amount")).to_have_text("¥36.50")
    expect(screen.page.locator("#q")).to_have_value("-36.5")
    screen.page.locator('[data-key="back"]').click()
    expect(screen.page.locator("#go")).to_contain_text("Redeem ¥36.00")
    screen.page.locator("#go").click()
    screen.armed("redeem")
    screen.page.locator("#go").click()
    expect(screen.page.locator("#notice")).to_contain_text("Redeemed ¥36.00")
    assert screen.desk.figures(made) == (46_400, 2)


def test_a_usual_amount_is_armed_with_one_press(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.page.locator('.for-load[data-amount="200"]').click()
    screen.armed("load")
    expect(screen.page.locator('.for-load[data-amount="200"]')).to_have_attribute("aria-pressed", "true")
    screen.enter()
    expect(screen.page.locator("#notice")).to_be_visible()
    assert screen.desk.figures(made) == (20_000, 1)


def test_enter_reaches_the_form_whatever_the_pad_shows(screen: Screen) -> None:
    button = "document.getElementById('cmd').querySelector('button[type=submit]')"
    default = "document.querySelector('#cmd :default, [form=cmd]:default')"
    made = screen.desk.issue()
    for opened in (False, True):
        if opened:
            screen.open(made)
        assert screen.page.evaluate(f"{button} === {default} && !{button}.disabled")


def test_everything_works_when_every_script_is_missing(make_screen: Make, open_shop_desk: Desk) -> None:
    made = open_shop_desk.issue()
    screen = make_screen(path=None)
    screen.expected = ("ERR_FAILED",)
    screen.page.route("**/*.js", lambda route: route.abort())
    screen.page.goto(f"{screen.site}/counter")
    addresses: list[str] = []
    screen.page.on("request", lambda request: addresses.append(request.url))
    screen.page.locator("#q").fill(made.number or "")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#card")).to_be_visible()
    screen.page.locator("#q").fill("+100")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "load")
    screen.page.locator("#q").press("Enter")
    expect(screen.page.locator("#notice")).to_contain_text("Top-up done ¥100.00")
    screen.page.locator("#print").click()
    expect(screen.page.locator(".slip")).to_contain_text("¥100.00")
    assert screen.desk.figures(made) == (10_000, 1)
    assert [address for address in addresses if (made.number or "") in address] == []


def test_a_cut_scan_opens_no_card(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.enter((made.number or "")[2:])
    expect(screen.page.locator("#notice")).to_contain_text("No card or receipt was found.")
    expect(screen.page.locator("#card")).to_have_count(0)


def test_a_scanner_that_sends_enter_twice_commits_nothing(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.type("+100")
    # However slow this machine is, on the page's clock a scanner's presses are one moment.
    screen.page.evaluate("() => { const now = performance.now(); performance.now = () => now; }")
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "load")
    screen.page.keyboard.press("Enter")
    screen.armed("load")
    assert screen.desk.figures(made) == (0, 0)


def test_an_enter_held_down_commits_nothing(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.enter("+100")
    screen.armed("load")
    screen.page.keyboard.down("Enter")
    for _ in range(5):
        screen.page.keyboard.down("Enter")
    screen.page.keyboard.up("Enter")
    expect(screen.page.locator("#notice")).to_contain_text("Top-up done")
    assert screen.desk.figures(made) == (10_000, 1)


def test_keys_typed_ahead_are_kept(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.page.keyboard.insert_text(made.number or "")
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.insert_text("+100")
    screen.page.keyboard.press("Enter")
    screen.armed("load")
    expect(screen.page.locator("#card")).to_have_attribute("data-card", str(made.card.id))
    assert screen.desk.figures(made) == (0, 0)


def test_escape_goes_one_step_back_each_time(screen: Screen) -> None:
    made = screen.desk.issue(balance=1_000)
    screen.open(made)
    screen.enter("+100")
    screen.armed("load")
    screen.type("-5")
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#q")).to_have_value("")
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "load")
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "")
    expect(screen.page.locator("#card")).to_be_visible()
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#card")).to_have_count(0)
    assert screen.desk.figures(made) == (1_000, 1)


def test_escape_and_enter_in_one_breath_commit_nothing(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.enter("+100")
    screen.armed("load")
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#armed")).to_have_attribute("data-armed", "")
    expect(screen.page.locator("#after")).to_have_text("—")
    assert screen.desk.figures(made) == (0, 0)


def test_a_refusal_says_what_to_do_and_keeps_what_was_typed(screen: Screen) -> None:
    made = screen.desk.issue(balance=1_000)
    screen.open(made)
    screen.enter("-36.5")
    expect(screen.page.locator("#notice")).to_contain_text("Not enough balance.")
    expect(screen.page.locator("#notice")).to_contain_text("No money was moved")
    expect(screen.page.locator("#q")).to_have_value("-36.5")
    screen.enter("-10")
    screen.armed("redeem")
    assert screen.desk.figures(made) == (1_000, 1)


def test_a_lost_answer_is_asked_for_again_and_posted_once(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.enter("+100")
    screen.armed("load")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    screen.page.route("**/counter/command", lose_the_answer, times=1)
    screen.enter()
    expect(screen.page.locator("#desk > .notice")).to_contain_text("The site did not answer.")
    assert screen.desk.figures(made) == (10_000, 1)
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Top-up done ¥100.00")
    assert screen.desk.figures(made) == (10_000, 1)
    screen.expected = ("ERR_FAILED", "htmx:")


def test_a_void_is_armed_in_amber_and_marks_the_row(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.redeem_at_the_terminal(made, 3_650)
    screen.page.locator("button[name=void]").first.click()
    screen.armed("void")
    expect(screen.page.locator("tr.is-voiding")).to_contain_text("−¥36.50")
    expect(screen.page.locator("#after")).to_have_text("¥500.00")
    screen.enter()
    expect(screen.page.locator("#notice")).to_contain_text("Voided ¥36.50")
    expect(screen.page.locator("tr.is-undone")).to_have_count(1)
    assert screen.desk.figures(made) == (50_000, 3)
    assert_ledger_is_clean()


def test_p_prints_the_slip_and_nothing_else(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.page.evaluate("() => { window.printed = 0; window.print = () => { window.printed += 1 } }")
    screen.open(made)
    screen.type("p")
    expect(screen.page.locator("#q")).to_have_value("p")
    screen.page.keyboard.press("Escape")
    screen.enter("+100")
    screen.armed("load")
    screen.enter()
    expect(screen.page.locator("#notice")).to_be_visible()
    screen.type("p")
    assert screen.page.evaluate("window.printed") == 1
    expect(screen.page.locator("#q")).to_have_value("")
    screen.page.emulate_media(media="print")
    expect(screen.page.locator(".slip")).to_be_visible()
    for hidden in (".top", ".box", "#card", "#pad", ".history", "#notice"):
        expect(screen.page.locator(hidden)).to_be_hidden()


def test_a_card_is_blocked_with_a_reason(screen: Screen) -> None:
    made = screen.desk.issue(balance=1_000)
    screen.open(made)
    screen.page.locator("summary", has_text="Block").click()
    screen.type("found in the street")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator(".notice").first).to_contain_text("The card is blocked.")
    expect(screen.page.locator("#card .tag")).to_have_text("Blocked")
    expect(screen.page.locator("#pad")).to_contain_text("takes no money")


def test_f9_locks_and_the_password_opens_the_same_page(screen: Screen) -> None:
    screen.desk.user.set_password("right and long")
    screen.desk.user.save()
    screen.page.context.clear_cookies(name="sessionid")
    screen.page.goto(f"{screen.site}/login")
    screen.page.locator("#id_username").fill(screen.desk.user.username)
    screen.page.locator("#id_password").fill("right and long")
    screen.page.keyboard.press("Enter")
    screen.page.wait_for_url("**/counter")
    screen.page.keyboard.press("F9")
    screen.page.wait_for_url("**/login")
    expect(screen.page.locator("#id_password")).to_be_focused()
    screen.type("right and long")
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#q")).to_be_focused()


def test_a_screen_left_alone_locks_itself(make_screen: Make, settings: Any) -> None:
    settings.IDLE_LOCK_SECONDS = 1
    screen = make_screen()
    screen.page.wait_for_url("**/login", timeout=20_000)
    expect(screen.page.locator("h1")).to_contain_text("Locked")


def test_nothing_of_a_card_stays_in_the_browser(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    stored = screen.page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert "500" not in stored.replace(str(screen.page.evaluate("localStorage['desk-active-at']")), "")
    assert made.card.last_four not in stored or "desk-active-at" in stored
    assert screen.page.evaluate("Object.keys(localStorage).filter(k => k !== 'desk-active-at').length") == 0


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_nothing_scrolls_but_the_history(make_screen: Make, language: str) -> None:
    screen = make_screen(language=language)
    made = screen.desk.issue(balance=50_000)
    for _ in range(12):
        screen.desk.load(made, 1_000)

    def assert_nothing_scrolls(*, but_the_history: bool = False) -> None:
        for width, height in ((1440, 900), (1366, 768)):
            screen.page.set_viewport_size({"width": width, "height": height})
            extent = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            assert screen.page.evaluate(extent) == [width, height]
            if but_the_history:
                scroller = "document.querySelector('.history .table-scroll')"
                assert screen.page.evaluate(f"{scroller}.scrollHeight > {scroller}.clientHeight")
                edge = screen.page.locator("#go").bounding_box()
                assert edge is not None
                assert edge["y"] + edge["height"] <= height

    assert_nothing_scrolls()
    screen.open(made)
    assert_nothing_scrolls()
    screen.enter("+100")
    screen.armed("load")
    screen.enter()
    expect(screen.page.locator("tr.is-new")).to_be_visible()
    assert_nothing_scrolls(but_the_history=True)


def test_a_phone_has_no_sideways_scroll(make_screen: Make) -> None:
    screen = make_screen(viewport={"width": 390, "height": 844})
    made = screen.desk.issue(balance=50_000)
    assert screen.page.evaluate("document.documentElement.scrollWidth") == 390
    screen.open(made)
    assert screen.page.evaluate("document.documentElement.scrollWidth") == 390


def test_an_answer_is_shown_though_its_row_was_replaced_meanwhile(screen: Screen) -> None:
    made = screen.desk.issue(balance=50_000)
    screen.open(made)
    screen.enter("+300")
    screen.armed("load")
    screen.page.evaluate(
        "() => { const row = document.querySelector('button[name=void]');"
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'})); row.click(); }"
    )
    screen.armed("void")
    assert screen.desk.figures(made) == (50_000, 1)


def test_what_was_refused_is_given_back_once(screen: Screen) -> None:
    made = screen.desk.issue()
    screen.open(made)
    screen.enter("-9999")
    expect(screen.page.locator("#q")).to_have_value("-9999")
    screen.page.keyboard.press("Escape")
    screen.page.evaluate("() => { document.body.dispatchEvent(new Event('htmx:afterSettle')) }")
    expect(screen.page.locator("#q")).to_have_value("")
