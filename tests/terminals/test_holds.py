"""Holds at the terminal: placed, spent in part or given back, by command, by key and at the real site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from terminals.errors import TerminalError
from terminals.messages import NumberCard
from terminals.results import result_of
from terminals.terminal import Terminal
from tests.shop import assert_ledger_is_clean
from tests.terminals.conftest import Agent
from tests.terminals.offline import allow, cut
from tests.terminals.real_site import enrolled, real_site
from tests.terminals.recording_site import RecordingSite
from tests.terminals.test_console import Person
from tests.terminals.test_upload import hand_out, open_offline_shop

CARD = NumberCard(number="8600123456789012", pin="493817", entry="keyed")
SHOWN = ("--number", "8600123456789012", "--pin", "493817")


def sent(site: RecordingSite) -> list[tuple[str, int | None]]:
    bodies = [json.loads(call.body) for call in site.sent()]
    return [(body["type"], body.get("amount")) for body in bodies]


def test_hold_is_placed_spent_in_part_and_another_given_back_by_commands(
    agent: Agent, site: RecordingSite
) -> None:
    code, held = agent.json("hold", "--amount", "200", "--days", "3", *SHOWN)
    assert (code, held["type"], held["outcome"], held["approved_amount"]) == (0, "hold", "approved", 20_000)
    assert json.loads(site.sent()[0].body)["expires_in_s"] == 3 * 86_400
    code, second = agent.json("hold", "--amount", "50", *SHOWN)
    assert code == 0

    code, spent = agent.json("capture", "--amount", "180", "--rrn", held["rrn"])
    assert (code, spent["type"], spent["approved_amount"]) == (0, "capture", 18_000)
    code, back = agent.json("release")
    assert (code, back["type"], back["outcome"]) == (0, "release", "approved")
    assert json.loads(site.sent()[-1].body)["original"] == second["id"]
    assert sent(site) == [("hold", 20_000), ("hold", 5_000), ("capture", 18_000), ("release", None)]

    code, none = agent.json("capture")
    assert (code, none["code"], none["money_moved"]) == (1, "nothing_held", "no")
    assert len(site.postings) == 4


def test_all_that_is_held_is_spent_where_no_amount_is_told(terminal: Terminal, site: RecordingSite) -> None:
    terminal.transactions.hold(CARD, 4_000, currency="XVS")

    entry = terminal.capture_last()

    assert (entry.type, entry.amount_minor, entry.currency) == ("capture", 4_000, "XVS")


@pytest.mark.parametrize("fate", ["lost", "cut", "busy"])
def test_hold_and_its_capture_are_each_posted_once_after_any_failure(
    terminal: Terminal, site: RecordingSite, fate: str
) -> None:
    site.fates.append(fate)
    held = terminal.transactions.hold(CARD, 2_000)
    site.fates.append(fate)
    spent = terminal.transactions.capture(held.id, 1_500)

    assert (held.state, spent.state) == ("answered", "answered")
    assert [answer["type"] for answer in site.postings] == ["hold", "capture"]
    assert site.balance == 98_500


def test_torn_hold_is_resumed_by_its_own_card(terminal: Terminal, site: RecordingSite) -> None:
    site.fates.extend(["lost"] * 3)
    assert terminal.transactions.hold(CARD, 2_000).state == "unresolved"

    again = terminal.transactions.hold(CARD, 2_000)

    assert again.state == "answered"
    assert [answer["type"] for answer in site.postings] == ["hold"]


@pytest.mark.parametrize("kind", ["hold", "capture", "release"])
def test_offline_nothing_is_held_or_spent_from_a_hold(
    terminal: Terminal, site: RecordingSite, kind: str
) -> None:
    allow(site)
    terminal.tell_health(None)
    held, sell = terminal.transactions.hold(CARD, 2_000), terminal.transactions
    cut(terminal)

    begin = {
        "hold": lambda: sell.hold(CARD, 100),
        "capture": lambda: sell.capture(held.id, 1_000),
        "release": lambda: sell.release(held.id),
    }
    result = result_of(begin[kind]())

    assert (result.outcome, result.money_moved) == ("not_sent", "no")
    assert [answer["type"] for answer in site.postings] == ["hold"]
    assert not terminal.journal.exposure().count


def test_keys_place_a_hold_spend_part_of_it_and_give_another_back(
    terminal: Terminal, site: RecordingSite
) -> None:
    person = Person(terminal)
    person.types("s")
    assert "No hold of this terminal is open." in person.sees()
    person.types("h200\n")
    person.taps()
    assert "A P P R O V E D   Hold" in person.sees()
    # The hold's own currency counts, whatever the next sale would be in.
    person.types("n0s")
    assert "Type an amount first." in person.sees()
    person.types("\b180s")
    assert "Spend 180.00 / Hold CNY 200.00 •••• 1234?" in person.sees()
    assert "完成 180.00 / 预授权 CNY 200.00 •••• 1234？" in person.sees("zh")
    person.console.shown.language = "en"
    person.types("\n")
    assert "Capture" in person.sees()
    person.types("nnnh50\n")
    person.taps()
    person.types("e")
    assert "Release Hold CNY 50.00 •••• 1234?" in person.sees()
    person.types("\n")

    assert sent(site) == [("hold", 20_000), ("capture", 18_000), ("hold", 5_000), ("release", None)]
    assert person.console.shown.mode == "redeem"


def test_purchase_from_a_hold_is_what_is_voided_last(terminal: Terminal, site: RecordingSite) -> None:
    terminal.transactions.load(CARD, 700)
    terminal.transactions.hold(CARD, 2_000)
    captured = terminal.capture_last(1_500)

    terminal.void_last()

    assert json.loads(site.sent()[-1].body)["original"] == str(captured.id)
    assert site.balance == 100_700


def test_key_for_a_hold_that_is_over_moves_nothing(terminal: Terminal, site: RecordingSite) -> None:
    held = terminal.transactions.hold(CARD, 2_000)
    terminal.transactions.release(held.id)

    with pytest.raises(TerminalError, match="nothing_held"):
        terminal.capture_last(100)
    assert sent(site) == [("hold", 2_000), ("release", None)]


@pytest.fixture
def address(committed_db: None) -> Iterator[str]:
    with real_site() as served:
        yield served


def test_real_site_holds_spends_and_gives_back(address: str, tmp_path: Path) -> None:
    shop = open_offline_shop()
    [(_, card)] = hand_out(shop, 1, 30_000)
    with enrolled(shop, address, tmp_path / "till") as till:
        sell = till.transactions
        held = result_of(sell.hold(card, 20_000))
        assert (held.outcome, held.balance, held.available) == ("approved", 30_000, 10_000)
        spent = result_of(till.capture_last(18_000))
        assert (spent.outcome, spent.balance, spent.available) == ("approved", 12_000, 12_000)
        second = sell.hold(card, 5_000)
        assert result_of(till.release_last()).available == 12_000
        late = result_of(sell.capture(second.id, 5_000))
        assert (late.outcome, late.code, late.money_moved) == ("declined", "already_reversed", "no")
        assert till.close_batch().answer.balanced
    assert_ledger_is_clean()
