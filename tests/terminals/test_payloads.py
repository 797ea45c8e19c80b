"""What is scanned or typed is told apart before any network call: one table, and generated codes of ours."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.cards import numbers, pay_codes
from terminals import messages
from terminals.payloads import PayloadRefused, Scheme, card_of, classify, name_refusal
from tests.terminals.conftest import Agent
from tests.terminals.recording_site import RecordingSite

AT = datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC)
SECRET = bytes(32)
PAY_CODE = pay_codes.make_code("123456789", SECRET, pay_codes.window_at(AT))
# From the specifications of the schemes and from codes as their phones show them.
TABLE: list[tuple[str, Scheme, str | None, str | None]] = [
    ("134567890123456789", "wechat_pay", "CODE-STD-01", "wechat_pay"),
    ("100000000000000000", "wechat_pay", "CODE-STD-01", "wechat_pay"),
    ("159999999999999999", "wechat_pay", "CODE-STD-01", "wechat_pay"),
    ("13 4567 8901 2345 6789", "wechat_pay", "CODE-STD-01", "wechat_pay"),
    ("2800000000000000", "alipay", "CODE-STD-01", "alipay"),
    ("286612345678901234", "alipay", "CODE-STD-01", "alipay"),
    ("300000000000000000000000", "alipay", "CODE-STD-01", "alipay"),
    ("6212345678901234567", "unionpay", "CODE-STD-01", "bank_card"),
    ("00020101021129370016A00000067701011101130066000000000530376", "emv_qr", "CODE-STD-01", None),
    ("000201010212", "emv_qr", "CODE-STD-01", None),
    ("https://cards.example/t?picc_data=00&cmac=00", "unknown", "CODE-STD-01", None),
    ("https://qr.alipay.com/fkx00000", "unknown", "CODE-STD-01", None),
    ("wxp://f2f0abc", "unknown", "CODE-STD-01", None),
    ("WIFI:S:guest;T:WPA;P:secret;;", "unknown", "CODE-STD-01", None),
    ("", "unknown", "CODE-STD-01", None),
    ("9" * 30, "unknown", "CODE-STD-01", None),
    ("8600123456789012", "card_number", None, None),
    (" 8600-1234 5678 9012\n", "card_number", None, None),
    ("８６００１２３４５６７８９０１２", "card_number", None, None),
    ("8600123456789013", "card_number", "CODE-CHK-01", None),
    ("8600123456789021", "card_number", "CODE-CHK-01", None),
    ("86001234", "card_number", "CODE-CHK-01", None),
    ("8600123456789012" + " " * 500 + "7", "unknown", "CODE-STD-01", None),
    ("87001234567890123458", "card_code", None, None),
    ("87001234567890123459", "card_code", "CODE-CHK-01", None),
    ("8700123456789012345", "card_code", "CODE-CHK-01", None),
    (PAY_CODE, "pay_code", None, None),
    (numbers.grouped(PAY_CODE), "pay_code", None, None),
    (PAY_CODE[:-1], "pay_code", "CODE-CHK-01", None),
    (PAY_CODE[:-1] + str((int(PAY_CODE[-1]) + 1) % 10), "pay_code", "CODE-CHK-01", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "scheme", "fault", "tender"), TABLE)
def test_text_is_told_by_its_form(text: str, scheme: Scheme, fault: str | None, tender: str | None) -> None:
    payload = classify(text)

    assert (payload.scheme, payload.fault, payload.tender) == (scheme, fault, tender)


def test_everything_that_the_site_makes_is_taken() -> None:
    chance = random.Random(20261125)
    for _ in range(500):
        phone, window = pay_codes.make_phone_number(), chance.randrange(2**40)
        assert classify(pay_codes.make_code(phone, SECRET, window)).scheme == "pay_code"
        for prefix in ("8600", "9", "86001234"):
            number = classify(numbers.make_number(prefix))
            assert (number.scheme, number.fault) == ("card_number", None)
        code = classify(numbers.make_qr())
        assert (code.scheme, code.fault) == ("card_code", None)


@given(st.text(max_size=600))
def test_no_text_breaks_it_and_what_is_taken_the_site_can_read(text: str) -> None:
    payload = classify(text)

    if payload.fault is None:
        readers = {
            "card_number": numbers.parse_number,
            "card_code": numbers.parse_qr,
            "pay_code": pay_codes.parse_code,
        }
        assert readers[payload.scheme](text) is not None


def test_text_becomes_the_card_that_it_presents() -> None:
    assert card_of(PAY_CODE, entry="scan") == messages.PayCodeCard(code=PAY_CODE, entry="scan")
    assert card_of("87001234567890123458", entry="scan") == messages.QrCard(
        code="87001234567890123458", entry="scan"
    )
    assert card_of("8600 1234 5678 9012", entry="keyed", pin="123456") == messages.NumberCard(
        number="8600123456789012", pin="123456", entry="keyed"
    )


def test_refused_text_is_not_repeated_in_the_error() -> None:
    with pytest.raises(PayloadRefused) as refused:
        card_of("134567890123456789", entry="scan")

    assert "134567" not in str(refused.value)
    assert refused.value.payload.tender == "wechat_pay"


@pytest.mark.parametrize(
    ("reason", "age_s", "expected"),
    [
        ("credential_replayed", 0, "CODE-USED-01"),
        ("credential_refused", 0, "CODE-SIG-01"),
        ("credential_refused", 45, "CODE-SIG-01"),
        ("credential_refused", 75, "CODE-EXP-01"),
        ("credential_refused", 1200, "CODE-EXP-01"),
        ("insufficient_funds", 0, "insufficient_funds"),
        (None, 0, None),
    ],
)
def test_refused_pay_code_was_spent_is_old_or_proves_nothing(
    reason: str | None, age_s: int, expected: str | None
) -> None:
    card = messages.PayCodeCard(code=PAY_CODE, entry="scan")

    assert name_refusal(card, reason, at=AT + timedelta(seconds=age_s)) == expected


def test_refused_tap_keeps_its_reason() -> None:
    card = messages.SunCard(uri="https://cards.example/t", entry="tap")

    assert name_refusal(card, "credential_replayed", at=AT) == "credential_replayed"


@pytest.mark.parametrize("command", [["redeem", "--amount", "5"], ["balance"]])
@pytest.mark.parametrize(
    ("option", "code", "fault", "tender"),
    [
        ("--code", "286612345678901234", "CODE-STD-01", "alipay"),
        ("--code", "8600123456789013", "CODE-CHK-01", None),
        ("--code", "", "CODE-STD-01", None),
        ("--number", "8600123456789013", "CODE-CHK-01", None),
        ("--qr", "87001234567890123459", "CODE-CHK-01", None),
        ("--qr", "", "CODE-STD-01", None),
    ],
)
def test_command_refuses_what_is_not_ours_and_calls_nobody(
    agent: Agent, site: RecordingSite, command: list[str], option: str, code: str, fault: str,
    tender: str | None,
) -> None:  # fmt: skip
    exit_code, told = agent.json(*command, option, code)

    assert (exit_code, told["outcome"], told["code"]) == (1, "refused", fault)
    assert (told["money_moved"], told["suggested_tender"]) == ("no", tender)
    assert site.calls == []
