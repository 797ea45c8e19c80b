"""Bounded offline: only what the grant covers is approved; it is told once, oldest first."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prepaid.keys import read_or_make_keys
from terminals import messages, transactions
from terminals.advices import read_grant, write_grant
from terminals.connection import Connection, Timeouts
from terminals.errors import AnswerUnknown, NothingSent
from terminals.journal import Journal
from terminals.receipt import receipt
from terminals.results import result_of
from terminals.stand_in import Identity, identity_of
from terminals.state import StateFolder
from terminals.terminal import Terminal
from tests.terminals.conftest import Agent
from tests.terminals.offline import allow, cut, grant, reconnect
from tests.terminals.recording_site import RecordingSite

SUN = messages.SunCard(uri="https://cards.example.com/t?picc_data=00&cmac=00", entry="tap")
UID, OTHER_UID, RANDOM_UID = "04de5f1eacc040", "04958caa5c5e80", "08112233"
QR = messages.QrCard(code="8712 3456 7890 1234 5678", entry="scan")
NUMBER = messages.NumberCard(number="6299000000001234", pin="493817", entry="keyed")
CARD = Identity("uid", bytes.fromhex(UID))


@pytest.fixture
def ready(terminal: Terminal, site: RecordingSite) -> Terminal:
    """A terminal that has fetched its grant and its hot list."""
    allow(site)
    terminal.keep_ready()
    return terminal


def test_a_purchase_within_the_grant_is_approved_offline_and_told_afterwards(
    ready: Terminal, site: RecordingSite
) -> None:
    cut(ready)
    entry = ready.transactions.redeem(SUN, 1_250, uid=UID)
    result = result_of(entry)
    assert (entry.state, result.outcome, result.exit, result.approved_amount) == (
        "stand_in",
        "approved",
        0,
        1_250,
    )
    assert (result.stand_in, result.money_moved) == (True, "yes")
    assert "OFFLINE" in receipt(result, ready.enrolment, "en")
    assert "离线交易" in receipt(result, ready.enrolment, "zh")
    exposure = ready.journal.exposure()
    assert (exposure.count, exposure.amount, exposure.oldest_at) == (1, 1_250, entry.occurred_at)

    reconnect(ready, site)
    [told] = ready.transactions.resolve()

    assert (told.id, told.state, told.body) == (entry.id, "answered", None)
    assert ready.journal.exposure().count == 0
    assert site.balance == 98_750
    [call] = site.sent("/api/v1/transactions/advices")
    [item] = json.loads(call.body)["items"]
    assert (item["id"], item["sequence"], item["amount"]) == (str(entry.id), 1, 1_250)
    assert item["occurred_at"] == entry.occurred_at.isoformat().replace("+00:00", "Z")
    assert site.sent() == []


@pytest.mark.parametrize(
    ("changes", "card", "uid", "amount", "reason"),
    [
        ({"issued_at": int(time.time()) - 3_601}, SUN, UID, 100, "offline_too_long"),
        ({"issued_at": int(time.time()) + 4_000}, SUN, UID, 100, "offline_too_long"),
        ({}, NUMBER, None, 100, "offline_card_unchecked"),
        ({}, messages.UidCard(uid=UID, technology="ntag215"), UID, 100, "offline_card_unchecked"),
        ({}, SUN, RANDOM_UID, 100, "offline_card_unchecked"),
        ({}, messages.PayCodeCard(code="123456"), None, 100, "offline_card_unchecked"),
        ({"currency": "EUR"}, SUN, UID, 100, "offline_card_unchecked"),
        ({"hot": (CARD,)}, SUN, UID, 100, "offline_card_hot"),
        ({}, SUN, UID, 5_001, "offline_limit_single"),
        ({}, QR, None, 1_001, "offline_limit_single"),
        (
            {"per_card": 5_000, "per_transaction": 6_000, "floors": {"sun": 6_000}},
            SUN,
            UID,
            5_001,
            "offline_limit_card",
        ),
        ({"per_terminal": 99}, SUN, UID, 100, "offline_limit_terminal"),
        ({"count": 0}, SUN, UID, 100, "offline_limit_terminal"),
    ],
)
def test_what_the_grant_does_not_cover_is_declined_with_its_reason(
    terminal: Terminal, site: RecordingSite, changes: dict[str, Any], card: messages.Card, uid: str | None,
    amount: int, reason: str,
) -> None:  # fmt: skip
    allow(site, **changes)
    terminal.keep_ready()
    cut(terminal)

    entry = terminal.transactions.redeem(card, amount, uid=uid)

    result = result_of(entry)
    assert (entry.state, result.outcome, result.code, result.money_moved) == (
        "cancelled",
        "declined",
        reason,
        "no",
    )
    assert result.exit == 1
    assert terminal.journal.exposure().count == 0
    reconnect(terminal, site)
    terminal.transactions.resolve()
    assert site.balance == 100_000
    assert sorted(site.sequences) == [1, 2]


def test_limits_are_sums_over_what_was_sold(ready: Terminal) -> None:
    cut(ready)
    sold = [
        result_of(ready.transactions.redeem(SUN, amount, uid=uid)).code
        for uid, amount in ((UID, 5_000), (UID, 3_000), (UID, 1), (OTHER_UID, 4_000), (OTHER_UID, 1))
    ]
    assert sold == [None, None, "offline_limit_card", None, "offline_limit_terminal"]


def test_a_clock_that_goes_back_makes_no_grant_younger(
    ready: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(ready)
    now, told = datetime.now(UTC), []
    for minutes in (50, 44, 46, -6):
        monkeypatch.setattr(transactions, "_now", lambda at=now + timedelta(minutes=minutes): at)
        told.append(result_of(ready.transactions.redeem(SUN, 100, uid=UID)).code)
    assert told == [None, "SW-CLK-01", None, "SW-CLK-01"]


def test_what_is_not_told_yet_counts_under_a_new_grant_too(ready: Terminal, site: RecordingSite) -> None:
    cut(ready)
    ready.transactions.redeem(SUN, 5_000, uid=UID)
    ready.stand_in.keep(site.policy | {"stand_in": site.policy["stand_in"] | {"grant": grant()}},
                        None, datetime.now(UTC))  # fmt: skip
    assert not ready.stand_in.is_allowed()
    ready.folder.save_stand_in_notes(
        type(ready.stand_in.notes)(
            synced_at=datetime.now(UTC), policy_version=3, grant=grant(), fingerprint_key="00" * 32
        )
    )
    assert result_of(ready.transactions.redeem(SUN, 3_001, uid=UID)).code == "offline_limit_card"
    assert result_of(ready.transactions.redeem(SUN, 3_000, uid=UID)).outcome == "approved"


def test_without_a_grant_nothing_is_approved_offline(terminal: Terminal) -> None:
    cut(terminal)
    entry = terminal.transactions.redeem(SUN, 100, uid=UID)
    assert (entry.state, result_of(entry).outcome, result_of(entry).code) == (
        "cancelled",
        "not_sent",
        "NET-SRV-01",
    )


def test_a_top_up_is_never_approved_offline(ready: Terminal) -> None:
    cut(ready)
    entry = ready.transactions.load(SUN, 100, uid=UID)
    assert (entry.state, result_of(entry).outcome) == ("cancelled", "not_sent")


def test_a_site_that_answers_is_asked_whatever_the_grant_says(ready: Terminal, site: RecordingSite) -> None:
    site.decline = "insufficient_funds"
    assert result_of(ready.transactions.redeem(SUN, 100, uid=UID)).code == "insufficient_funds"
    site.fates.extend(["lost"] * 3)
    # It may have arrived: approving it here as well could spend it twice.
    assert ready.transactions.redeem(SUN, 200, uid=UID).state == "unresolved"


def test_a_void_before_it_is_told_reaches_the_site_before_its_original(
    ready: Terminal, site: RecordingSite
) -> None:
    cut(ready)
    sold = ready.transactions.redeem(SUN, 1_250, uid=UID)
    kept = ready.transactions.redeem(SUN, 300, uid=UID)
    undo = ready.transactions.void(sold.id)
    assert (undo.type, undo.state, result_of(undo).outcome) == ("reversal", "stand_in", "approved")
    assert ready.transactions.void(sold.id).id == undo.id
    assert (ready.journal.exposure().count, ready.journal.exposure().amount) == (1, 300)
    undoable = ready.journal.find_last_undoable()
    assert undoable is not None
    assert undoable.id == kept.id

    reconnect(ready, site)
    ready.transactions.resolve()

    [call] = site.sent("/api/v1/transactions/advices")
    assert [item["sequence"] for item in json.loads(call.body)["items"]] == [3, 1, 2]
    assert site.balance == 99_700
    found = ready.journal.find(sold.id)
    assert found is not None
    assert found.answer is not None
    assert found.answer.reason == "already_reversed"


@pytest.mark.parametrize("fate", ["cut", "lost", "dropped", "busy", "broken", "broken_after", "portal"])
def test_an_upload_that_fails_is_told_again_and_posted_once(
    ready: Terminal, site: RecordingSite, fate: str
) -> None:
    cut(ready)
    for _ in range(3):
        ready.transactions.redeem(SUN, 100, uid=UID)
    reconnect(ready, site)
    site.fates.append(fate)
    with pytest.raises(AnswerUnknown):
        ready.transactions.upload()
    assert ready.journal.exposure().count == 3

    ready.transactions.upload()

    assert ready.journal.exposure().count == 0
    assert (len(site.postings), site.balance) == (3, 99_700)


def test_an_advice_that_the_site_never_takes_does_not_hold_up_the_others(
    ready: Terminal, site: RecordingSite
) -> None:
    cut(ready)
    entries = [ready.transactions.redeem(SUN, 100, uid=UID) for _ in range(3)]
    usual = site.advise
    problem = {"type": "about:blank", "title": "x", "status": 422, "code": "id_reused"}
    site.advise = lambda item: (  # type: ignore[method-assign]
        json.dumps(problem).encode() if item["id"] == str(entries[1].id) else usual(item)
    )
    reconnect(ready, site)

    told = ready.transactions.upload()

    assert [entry.state for entry in told] == ["answered", "refused", "answered"]
    assert told[1].code == "id_reused"
    assert site.balance == 99_800


def test_a_sale_goes_on_while_an_earlier_one_waits_to_be_told(ready: Terminal, site: RecordingSite) -> None:
    cut(ready)
    ready.transactions.redeem(SUN, 100, uid=UID)
    reconnect(ready, site)
    entry = ready.transactions.redeem(SUN, 200, uid=UID)
    assert (entry.state, ready.journal.exposure().count) == ("answered", 1)
    assert site.balance == 99_800


def test_the_same_id_again_gives_what_was_approved_offline(ready: Terminal) -> None:
    cut(ready)
    entry = ready.transactions.redeem(SUN, 100, uid=UID)
    assert ready.transactions.find(entry.id) == entry


@pytest.mark.parametrize(
    ("age", "count", "code"),
    [
        (timedelta(days=7), 1, "SW-QUE-01"),
        (timedelta(0), 5_000, "SW-QUE-01"),
        (timedelta(days=6), 4_999, None),
    ],
)
def test_seven_days_and_five_thousand_records_are_the_end_of_selling_offline(
    terminal: Terminal, site: RecordingSite, age: timedelta, count: int, code: str | None
) -> None:
    allow(site, count=10**6, per_terminal=10**12, per_card=10**12)
    terminal.keep_ready()
    fill(terminal.journal, count, datetime.now(UTC) - age)
    cut(terminal)
    assert result_of(terminal.transactions.redeem(SUN, 100, uid=UID)).code == code


def fill(journal: Journal, count: int, at: datetime) -> None:
    """Fill a journal with what was sold offline, in one commit."""
    body = b"{}"
    rows = [
        (place, f"{place:08d}-0000-7000-8000-000000000000", at.isoformat(), body, body)
        for place in range(1, count + 1)
    ]
    with journal._atomic() as database:
        database.executemany(
            "insert into entry (sequence, id, type, amount, currency, occurred_at, state, content, body,"
            " outcome, approved) values (?, ?, 'redeem', 1, 'CNY', ?, 'stand_in', ?, ?, 'approved', 1)",
            rows,
        )


def test_a_grant_is_fetched_with_the_hot_list_and_renewed_when_due(
    terminal: Terminal, site: RecordingSite
) -> None:
    allow(site, hot=(CARD,))
    terminal.tell_health(None)
    first = terminal.stand_in.notes
    assert first.grant == site.policy["stand_in"]["grant"]
    assert terminal.folder.hot_list().fingerprints == {site.hot_list["added"][0]}
    site.calls.clear()
    terminal.keep_ready()
    assert site.calls == []

    # The next heartbeat tells of a newer list: only what changed is asked for.
    site.hot_list = {"version": 9, "full": False, "added": ["00112233"], "removed": site.hot_list["added"]}
    terminal.tell_health(None)

    assert "/api/v1/terminals/hot-list?since=7" in [call.path for call in site.calls]
    assert terminal.folder.hot_list().fingerprints == {"00112233"}


def test_a_policy_that_allows_nothing_takes_the_grant_back(ready: Terminal, site: RecordingSite) -> None:
    site.policy = {"version": 3, "stand_in": {"enabled": False}}
    ready.tell_health(None)
    assert not ready.stand_in.is_allowed()


def test_when_the_site_answers_again_the_next_heartbeat_tells_everything(
    ready: Terminal, site: RecordingSite
) -> None:
    cut(ready)
    ready.transactions.redeem(SUN, 100, uid=UID)
    with pytest.raises(NothingSent):
        ready.tell_health(None)
    reconnect(ready, site)
    ready.tell_health(None)
    assert (ready.journal.exposure().count, site.balance) == (0, 99_900)


def test_the_cashier_waits_two_seconds_at_most_for_a_site_that_swallows_everything(
    folder: StateFolder, site: RecordingSite
) -> None:
    allow(site)
    with Terminal(folder) as terminal:
        terminal.keep_ready()
        terminal.connection.close()
        # A listener whose queue is full answers no further handshake.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            filled = [socket.socket() for _ in range(4)]
            for one in filled:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            terminal.connection.port = port
            begun = time.monotonic()
            entry = terminal.transactions.redeem(SUN, 100, uid=UID)
            waited_s = time.monotonic() - begun
            for one in filled:
                one.close()
    assert entry.state == "stand_in"
    timeouts = Timeouts()
    # The limits themselves, and the machine's own slowness on top.
    assert timeouts.name_s + timeouts.connect_s <= 2.5
    assert waited_s < timeouts.name_s + timeouts.connect_s + 1.0
    assert isinstance(terminal.connection, Connection)


def test_fingerprints_are_those_of_the_site(tmp_path: Path) -> None:
    keys = read_or_make_keys(tmp_path / "keys.json")
    for card, uid, kind, identity in (
        (SUN, UID, "uid", bytes.fromhex(UID)),
        (messages.NumberCard(number="8600 1234-1234 1234"), None, "number", b"8600123412341234"),
        (QR, None, "qr", b"87123456789012345678"),
    ):
        told = identity_of(card, uid)
        assert told is not None
        assert told.fingerprint(keys.fingerprint_key) == keys.fingerprint(kind, identity).hex()


@pytest.mark.parametrize("text", ["", "x", "!!!.x", "\u0661" * 4, write_grant(b"\x90", bytes(16))])
def test_a_text_that_is_no_grant_is_none(text: str) -> None:
    assert read_grant(text) is None


def test_the_queue_command_shows_the_exposure(agent: Agent, site: RecordingSite) -> None:
    allow(site)
    with Terminal(agent.folder) as terminal:
        terminal.keep_ready()
        cut(terminal)
        terminal.transactions.redeem(SUN, 1_250, uid=UID)
    code, queue = agent.json("queue")
    assert (code, queue["count"], queue["stand_in"]["count"], queue["stand_in"]["amount"]) == (0, 1, 1, 1_250)
    assert queue["entries"][0]["state"] == "stand_in"
    code, queue = agent.json("queue", "--resolve")
    assert (code, queue["count"], queue["resolved"][0]["outcome"]) == (0, 0, "approved")
    assert site.balance == 98_750
