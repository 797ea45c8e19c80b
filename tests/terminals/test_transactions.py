from __future__ import annotations

import json
from uuid import UUID

import pytest

from terminals import messages
from terminals.connection import Connection
from terminals.errors import AnswerUnknown, NothingSent, Refused, TornTap
from terminals.results import result_of
from terminals.state import StateFolder
from terminals.terminal import Terminal
from tests.terminals.recording_site import RecordingSite

CARD = messages.NumberCard(number="6299000000001234", pin="493817", entry="keyed")


def paths(site: RecordingSite) -> list[str]:
    return [f"{call.method} {call.path.removeprefix('/api/v1/').partition('/')[0]}" for call in site.calls]


def test_a_redeem_is_answered_and_its_proof_erased(terminal: Terminal, site: RecordingSite) -> None:
    entry = terminal.transactions.redeem(CARD, 1250)
    assert (entry.state, entry.sequence, entry.attempts, entry.body) == ("answered", 1, 1, None)
    assert result_of(entry).balance == 98_750
    assert b"493817" not in entry.content
    assert b"6299000000001234" not in entry.content
    assert len(site.postings) == 1


def test_a_decline_is_an_answer_and_moves_nothing(terminal: Terminal, site: RecordingSite) -> None:
    site.decline = "insufficient_funds"
    entry = terminal.transactions.redeem(CARD, 1250)
    result = result_of(entry)
    assert (result.outcome, result.code, result.money_moved, result.exit) == (
        "declined",
        "insufficient_funds",
        "no",
        1,
    )
    assert site.balance == 100_000


@pytest.mark.parametrize(
    "fate", ["cut", "lost", "dropped", "busy", "broken", "broken_after", "portal", "429:rate_limited"]
)
def test_after_any_failure_the_same_bytes_are_sent_again_and_posted_once(
    terminal: Terminal, site: RecordingSite, fate: str
) -> None:
    site.fates.append(fate)
    entry = terminal.transactions.redeem(CARD, 1250)
    assert (entry.state, entry.attempts) == ("answered", 2)
    first, second = site.sent()
    assert first.body == second.body
    assert len(site.postings) == 1
    assert site.balance == 98_750


@pytest.mark.parametrize("fate", ["cut", "lost", "dropped", "busy", "broken", "portal"])
def test_an_unknown_outcome_is_kept_and_resolved_before_anything_new(
    terminal: Terminal, site: RecordingSite, fate: str
) -> None:
    site.fates.extend([fate] * 3)
    first = terminal.transactions.redeem(CARD, 1250)
    assert (first.state, result_of(first).money_moved, result_of(first).exit) == ("unresolved", "unknown", 3)
    body = first.body
    site.calls.clear()
    second = terminal.transactions.redeem(CARD, 300)
    assert (second.state, second.sequence) == ("answered", 2)
    assert paths(site)[0] == "GET transactions"
    assert [json.loads(call.body)["sequence"] for call in site.sent()] == (
        [2] if fate in {"cut", "lost"} else [1, 2]
    )
    assert site.bodies[str(first.id)] == body
    assert len(site.postings) == 2
    assert site.balance == 100_000 - 1250 - 300


def test_nothing_new_is_written_while_an_earlier_outcome_cannot_be_found(
    terminal: Terminal, site: RecordingSite
) -> None:
    site.fates.extend(["lost"] * 4)
    first = terminal.transactions.redeem(CARD, 1250)
    with pytest.raises(TornTap) as torn:
        terminal.transactions.redeem(CARD, 300)
    assert (torn.value.code, torn.value.entry_id) == ("NFC-TORN-01", first.id)
    assert [entry.id for entry in terminal.journal.list_last(5)] == [first.id]


def test_what_was_never_sent_is_never_sent_as_a_sale(folder: StateFolder, site: RecordingSite) -> None:
    terminal = Terminal(folder)
    usual = terminal.connection.port
    terminal.connection.port = 1
    entry = terminal.transactions.redeem(CARD, 1250)
    assert (entry.state, result_of(entry).exit, result_of(entry).money_moved) == ("cancelled", 6, "no")
    assert site.calls == []
    with pytest.raises(NothingSent):
        terminal.transactions.redeem(CARD, 300)
    terminal.connection.port = usual
    terminal.transactions.redeem(CARD, 300)
    terminal.close()
    sent = [(json.loads(call.body)["type"], json.loads(call.body)["sequence"]) for call in site.sent()]
    assert sent == [("reversal", 2), ("redeem", 1), ("redeem", 3)]
    assert json.loads(site.answers[str(entry.id)])["reason"] == "already_reversed"
    assert sorted(site.sequences) == [1, 2, 3]
    assert site.balance == 99_700


@pytest.mark.parametrize("fate", ["401:SW-CLK-01", "401:bad_signature", "403:SW-TAMP-01"])
def test_a_call_refused_for_the_terminal_s_sake_moves_nothing_and_is_withdrawn(
    terminal: Terminal, site: RecordingSite, fate: str
) -> None:
    site.fates.append(fate)
    entry = terminal.transactions.redeem(CARD, 1250)
    result = result_of(entry)
    assert (entry.state, result.code, result.money_moved) == ("cancelled", fate.partition(":")[2], "no")
    assert entry.attempts == 1
    terminal.transactions.resolve()
    assert site.balance == 100_000
    assert site.postings == []


@pytest.mark.parametrize("fate", ["400:malformed", "422:id_reused", "422:sequence_reused", "413:too_large"])
def test_content_that_the_site_refuses_is_not_sent_again(
    terminal: Terminal, site: RecordingSite, fate: str
) -> None:
    site.fates.append(fate)
    entry = terminal.transactions.redeem(CARD, 1250)
    assert (entry.state, entry.attempts, result_of(entry).exit) == ("refused", 1, 1)
    assert terminal.transactions.resolve() == []
    assert len(site.sent()) == 1


def test_a_refusal_after_a_cut_answer_leaves_the_outcome_unknown(
    terminal: Terminal, site: RecordingSite
) -> None:
    site.fates.extend(["lost", "401:SW-CLK-01"])
    entry = terminal.transactions.redeem(CARD, 1250)
    assert (entry.state, entry.code) == ("unresolved", "SW-CLK-01")
    assert result_of(entry).money_moved == "unknown"
    site.fates.append("401:SW-CLK-01")
    with pytest.raises(Refused):
        terminal.transactions.resolve()
    [resolved] = terminal.transactions.resolve()
    assert resolved.state == "answered"
    assert site.balance == 98_750


@pytest.mark.parametrize("fate", ["lost", "dropped"])
def test_an_operator_s_cancel_reverses_and_leaves_no_sequence_missing(
    terminal: Terminal, site: RecordingSite, fate: str
) -> None:
    site.fates.extend([fate] * 3)
    entry = terminal.transactions.redeem(CARD, 1250)
    reversal = terminal.transactions.reverse(entry.id)
    assert (reversal.type, reversal.state, reversal.original) == ("reversal", "answered", entry.id)
    assert sorted(site.sequences) == [1, 2]
    assert site.balance == 100_000
    assert terminal.journal.list_pending() == []
    assert terminal.transactions.reverse(entry.id).id == reversal.id
    assert len(site.answers) == 2


def test_the_original_is_not_sent_when_its_reversal_was_refused(
    terminal: Terminal, site: RecordingSite
) -> None:
    site.fates.extend(["dropped"] * 3)
    entry = terminal.transactions.redeem(CARD, 1250)
    site.fates.append("422:sequence_reused")
    terminal.transactions.reverse(entry.id)
    left = terminal.journal.find(entry.id)
    assert left is not None
    assert (left.state, left.code) == ("refused", "reversal_refused")
    assert site.answers == {}


def test_an_answer_of_another_transaction_is_no_answer(terminal: Terminal, site: RecordingSite) -> None:
    terminal.transactions.redeem(CARD, 100)
    [known] = site.answers.values()
    usual = site.take
    site.take = lambda body: known  # type: ignore[method-assign]
    entry = terminal.transactions.redeem(CARD, 200)
    assert entry.state == "unresolved"
    site.take = usual  # type: ignore[method-assign]
    terminal.transactions.resolve()
    assert site.balance == 99_700


def test_a_void_undoes_the_last_sale_once(terminal: Terminal, site: RecordingSite) -> None:
    sale = terminal.transactions.redeem(CARD, 1250)
    void = terminal.void_last()
    assert (void.original, void.state) == (sale.id, "answered")
    assert terminal.journal.find_last_undoable() is None
    assert site.balance == 100_000


def test_an_approval_that_nobody_saw_and_was_voided_since_is_not_told_again(
    folder: StateFolder, site: RecordingSite
) -> None:
    with Terminal(folder) as killed:
        first = killed.transactions.redeem(CARD, 500)
    with Terminal(folder) as begun_anew:
        assert begun_anew.transactions.redeem(CARD, 500).id == first.id
        begun_anew.void_last()

        again = begun_anew.transactions.redeem(CARD, 500)

    assert (again.id != first.id, again.state) == (True, "answered")
    assert site.balance == 99_500


def test_the_same_id_again_gives_the_first_answer(terminal: Terminal, site: RecordingSite) -> None:
    entry_id = UUID("01936d2e-7c11-7abc-8def-0123456789ff")
    first = terminal.transactions.redeem(CARD, 1250, entry_id=entry_id)
    assert terminal.transactions.find(entry_id) == first
    assert len(site.sent()) == 1


def test_a_batch_tells_its_own_totals_and_a_cut_answer_is_told_again(
    terminal: Terminal, site: RecordingSite
) -> None:
    terminal.transactions.load(CARD, 5000)
    terminal.transactions.redeem(CARD, 1250)
    terminal.transactions.redeem(CARD, 250)
    site.fates.append("cut")
    with pytest.raises(AnswerUnknown):
        terminal.close_batch()
    closed = terminal.close_batch()
    first, second = site.sent("/api/v1/batches/close")
    assert first.body == second.body
    assert (closed.told.first_sequence, closed.told.last_sequence) == (1, 3)
    assert closed.told.totals == {
        "load": messages.TypeTotal(count=1, amount=5000),
        "redeem": messages.TypeTotal(count=2, amount=1500),
    }
    assert closed.answer.balanced
    assert terminal.journal.open_batch() is None
    assert terminal.journal.find_last_undoable() is None


def test_a_kept_connection_that_the_site_closed_is_opened_again(
    folder: StateFolder, site: RecordingSite
) -> None:
    enrolment = folder.enrolment()
    connection = Connection(site.address, terminal_id=enrolment.terminal_id, key=folder.private_key())
    connection.call("POST", "cards/inquiry", b"{}")
    kept = connection._client
    connection.call("POST", "cards/inquiry", b"{}")
    assert connection._client is kept
    site.fates.append("dropped")
    with pytest.raises(AnswerUnknown):
        connection.call("POST", "cards/inquiry", b"{}")
    assert connection.call("POST", "cards/inquiry", b"{}").status == 200
    connection.close()
