from __future__ import annotations

import msgspec
import pytest

from terminals import messages
from terminals.receipt import columns, receipt
from terminals.results import Result, result_of
from terminals.terminal import Terminal
from tests.terminals.recording_site import RecordingSite

CARD = messages.QrCard(code="12345678901234567890")


@pytest.fixture
def sale(terminal: Terminal) -> Result:
    return result_of(terminal.transactions.redeem(CARD, 1250))


def test_a_receipt_names_store_amount_balance_card_and_reference(terminal: Terminal, sale: Result) -> None:
    lines = receipt(sale, terminal.enrolment, "en").splitlines()
    assert lines[0].strip() == "Corner Shop"
    assert "Amount                 CNY 12.50" in lines
    assert "Balance               CNY 987.50" in lines
    assert "Card                   •••• 1234" in lines
    assert f"Reference           {sale.rrn}" in lines
    assert all(columns(line) <= 32 for line in lines)


def test_the_chinese_receipt_is_aligned_by_columns(terminal: Terminal, sale: Result) -> None:
    lines = receipt(sale, terminal.enrolment, "zh").splitlines()
    assert "金额                   CNY 12.50" in lines
    assert {columns(line) for line in lines[3:]} == {32}


def test_a_partial_receipt_says_what_is_still_to_pay(terminal: Terminal, sale: Result) -> None:
    partial = msgspec.structs.replace(sale, amount=2000)
    assert "Still to pay            CNY 7.50" in receipt(partial, terminal.enrolment, "en")


def test_an_unknown_outcome_tells_the_customer_to_keep_the_slip(
    terminal: Terminal, site: RecordingSite
) -> None:
    site.fates.extend(["lost"] * 3)
    text = receipt(result_of(terminal.transactions.redeem(CARD, 1250)), terminal.enrolment, "en")
    assert "OUTCOME UNKNOWN" in text
    assert "Keep this slip." in text
    assert "NET-SRV-01" in text


def test_a_decline_says_that_no_money_moved(terminal: Terminal, site: RecordingSite) -> None:
    site.decline = "insufficient_funds"
    text = receipt(result_of(terminal.transactions.redeem(CARD, 1250)), terminal.enrolment, "zh")
    assert "未发生扣款或入账。" in text
