"""Imports: read exactly, checked whole, run once however often tried, undone where nothing was spent."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from prepaid.cards.models import BulkLine, BulkSecrets, Card, CardImport, Credential, Program
from prepaid.cards.numbers import make_number
from prepaid.cards.presentation import Presentation
from prepaid.keys import site_keys
from prepaid.ledger.accounts import general_account_id
from prepaid.money import Money
from prepaid.stored_value.bulk import imports
from prepaid.stored_value.bulk.errors import BulkRefused, FileUnreadable
from prepaid.stored_value.bulk.imports import run_chunk, start_import, undo_chunk, undo_import
from prepaid.stored_value.bulk.reading import Sheet, read_sheet
from prepaid.stored_value.redeem import redeem
from tests.shop import NOON, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.bulk import card_of, rows, run, upload

TODAY = date(2026, 11, 23)


def read(text: str | bytes, *, currency: str = "CNY", balance_max: int | None = None) -> Sheet:
    content = text.encode() if isinstance(text, str) else text
    return read_sheet(content, currency=currency, today=TODAY, balance_max=balance_max)


def codes(sheet: Sheet) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.column, fault.code) for fault in sheet.faults]


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("0.1", "CNY", 10),
        ("1234567.89", "CNY", 123_456_789),
        ("１２．５０", "CNY", 1_250),
        ("0", "CNY", 0),
        ("500", "JPY", 500),
        ("1.005", "KWD", 1_005),
        ("8", "XVS", 8),
    ],
)
def test_amounts_are_read_exactly(typed: str, currency: str, minor: int) -> None:
    sheet = read(f"external_id,balance\nA1,{typed}\n", currency=currency)
    assert (codes(sheet), sheet.lines[0].paid_minor) == ([], minor)


@pytest.mark.parametrize("typed", ["", "1,5", "1.005", "-1", "1e3", "NaN", "¥5", "0x10", "99999999999999"])
def test_what_is_no_amount_is_told(typed: str) -> None:
    assert codes(read(f'external_id,balance\nA1,"{typed}"\n')) == [(2, "balance", "amount_invalid")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_is_read_in_its_encoding_and_with_its_separator(encoding: str, separator: str) -> None:
    rows = [["会员号", "余额", "赠送金额", "有效期至", "状态", "持卡人", "手机号"],
            ["A1", "10.00", "2", "2027/1/31", "冻结", "王小雨", "13800000000"]]  # fmt: skip
    sheet = read("\r\n".join(separator.join(row) for row in rows).encode(encoding))
    line = sheet.lines[0]
    assert sheet.encoding == ("GB 18030" if encoding == "gb18030" else "UTF-8")
    assert (line.external_id, line.paid_minor, line.bonus_minor, line.expires_on) == (
        "A1", 1_000, 200, date(2027, 1, 31),
    )  # fmt: skip
    assert (line.card_state, line.holder_name, line.holder_phone) == ("blocked", "王小雨", "13800000000")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "columns_missing"),
        (b"number,balance\n", "no_lines"),
        (b"number\n8600000000000000\n", "columns_missing"),
        (b"balance\n1\n", "columns_missing"),
        (b"number,balance,colour\n", "column_unknown"),
        (b"number,card number,balance\n", "column_twice"),
        (b'number,balance\n"8600,1\n', "broken_quotes"),
        (b"\xff\xfe\x00n", "encoding_unknown"),
        (b"n\0,balance\n", "encoding_unknown"),
    ],
)
def test_a_file_of_which_no_line_can_be_read_is_refused(content: bytes, fault: str) -> None:
    with pytest.raises(FileUnreadable) as refused:
        read(content)
    assert refused.value.fault == fault


def test_every_fault_of_every_line_is_told() -> None:
    good = make_number("8600")
    sheet = read(
        "number,external_id,balance,bonus,expires_on,state,holder,phone\n"
        f"{good},,1,,,,,\n"
        "8600123,,1.234,x,2026-11-22,gone,,138\n"
        f"{good},,1,,2027-02-30,,,\n"
        "\n"
        ",,1,,,,,\n"
        ",A1,1\n"
        f",A2,1,,,,{'x' * 121},\n"
        ",A3,600,500,,,,\n",
        balance_max=100_000,
    )
    assert codes(sheet) == [
        (3, "number", "number_invalid"),
        (3, "balance", "amount_invalid"),
        (3, "bonus", "amount_invalid"),
        (3, "expires_on", "date_past"),
        (3, "state", "state_unknown"),
        (3, "holder", "holder_missing"),
        (4, "number", "twice"),
        (4, "expires_on", "date_invalid"),
        (6, "number", "nothing_named"),
        (7, "", "cells_count"),
        (8, "holder", "too_long"),
        (9, "balance", "balance_max"),
    ]
    assert (sheet.count, [line.line for line in sheet.lines]) == (7, [2])
    assert [fault.value for fault in sheet.faults if fault.code == "number_invalid"] == ["•••• 0123"]


def undo(made: CardImport) -> CardImport:
    undo_import(made.id, by="m2", at=NOON)
    while undo_chunk(made.id, at=NOON):
        pass
    made.refresh_from_db()
    return made


def brought_in(made: CardImport) -> list[tuple[Any, ...]]:
    """Give state, balance, and what was posted of each line."""
    return rows(
        "select line.line, card.state, account.balance::int, account.position::int, line.outcome "
        "from cards_bulkline as line join cards_card as card on card.id = line.card_id "
        "join ledger_account as account on account.id = line.account_id where line.bulk_id = %s order by 1",
        [made.id],
    )


def by_number(number: str) -> Presentation:
    return Presentation(method="number", lookup=site_keys().number_lookup(number))


SHEET = (
    "number,external_id,balance,bonus,expires_on,state,holder,phone\n"
    "{number},,100.00,20.00,2027-06-30,active,Wang Fang,138\n"
    ",M-2,5,,,blocked,Wang Fang,138\n"
    ",M-3,0,,,active,,\n"
    ",M-4,7.50,1,,issued,Li Lei,\n"
)
pytestmark = pytest.mark.django_db


def test_cards_come_in_with_value_expiry_state_and_holder() -> None:
    shop, number = open_shop(consumption_order="paid_first"), make_number("8600")
    shop.card()
    before = figures()
    made = upload(shop, SHEET.format(number=number))
    assert (made.state, made.quantity, made.paid_minor, made.bonus_minor) == ("checked", 4, 11_250, 2_100)
    assert figures() == before
    assert not Card.objects.filter(program=shop.program).exclude(last_four="4242").exists()

    run(made)

    assert (made.state, made.done_count) == ("done", 4)
    assert brought_in(made) == [
        (2, "active", 12_000, 1, "loaded"),
        (3, "blocked", 500, 1, "loaded"),
        (4, "active", 0, 0, "loaded"),
        (5, "issued", 850, 1, "loaded"),
    ]
    first = BulkLine.objects.get(bulk_id=made.id, line=2)
    assert rows(
        "select lot_no, bonus, amount::int, expires_on, tender, campaign "
        "from ledger_lot where account_id = %s order by 1",
        [first.account_id],
    ) == [
        (1, False, 10_000, date(2027, 6, 30), "migration", ""),
        (2, True, 2_000, date(2027, 6, 30), "migration", "migration"),
    ]
    migration = general_account_id("migration", owner_id=shop.store.id, currency="CNY")
    assert rows("select sum(amount)::int from ledger_transfer where debit_account = %s", [migration]) == [
        (11_250,)
    ]
    holders = rows(
        "select holder.name, count(*) from cards_account as account join cards_holder as holder "
        "on holder.id = account.holder_id where account.program_id = %s group by 1 order by 1",
        [shop.program.id],
    )
    assert holders == [("Li Lei", 1), ("Wang Fang", 2)]
    assert Credential.objects.filter(card_id=card_of(first)).values_list("method", flat=True)[0] == "number"
    assert Credential.objects.filter(card_id=card_of(first)).count() == 1
    second = BulkLine.objects.get(bulk_id=made.id, line=3)
    assert Credential.objects.filter(card_id=card_of(second)).count() == 2
    assert_ledger_is_clean()


def test_an_imported_card_is_spent_like_any_other() -> None:
    shop, number = open_shop(), make_number("8600")
    run(upload(shop, f"number,balance,bonus\n{number},10,5\n"))
    held = Card.objects.get(program=shop.program)
    pin = rows("select pin_mac from cards_credential where card_id = %s", [held.id])[0][0]
    presented = Presentation(method="number", lookup=site_keys().number_lookup(number), pin_mac=bytes(pin))
    assert redeem(shop.request(), presented, Money(1_200, "CNY")).balance_minor == 300
    assert redeem(shop.request(), by_number(number), Money(100, "CNY")).reason == "pin_required"
    assert_ledger_is_clean()


def test_a_faulty_file_makes_nothing_and_can_never_be_run() -> None:
    shop = open_shop()
    made = upload(shop, "external_id,balance\nA1,1\nA2,x\n")
    assert (made.state, made.fault_count, made.faults.get().line) == ("faulty", 1, 3)
    assert not BulkLine.objects.filter(bulk_id=made.id).exists()
    assert not BulkSecrets.objects.filter(bulk_id=made.id).exists()
    with pytest.raises(BulkRefused):
        start_import(made.id, by="m1", at=NOON)
    assert not run_chunk(made.id, at=NOON)


def test_what_the_database_knows_already_is_a_fault_of_its_line() -> None:
    shop, number = open_shop(), make_number("8600")
    run(upload(shop, f"number,external_id,balance\n{number},,1\n,M-2,1\n"))
    made = upload(shop, f"number,external_id,balance\n,M-1,1\n{number},,1\n,M-2,1\n")
    assert made.state == "faulty"
    assert [(f.line, f.column, f.code, f.value) for f in made.faults.all()] == [
        (3, "number", "taken", f"•••• {number[-4:]}"),
        (4, "external_id", "taken", "M-2"),
    ]
    assert not BulkLine.objects.filter(bulk_id=made.id).exists()


def test_a_number_that_was_taken_since_the_check_is_left_out_and_told() -> None:
    shop, number = open_shop(), make_number("8600")
    text = f"number,external_id,balance\n{number},,1\n,M-{number},1\n"
    late, early = upload(shop, text), upload(shop, f"number,balance\n{number},1\n")
    run(early)
    run(late)
    assert (late.state, late.done_count) == ("done", 2)
    outcomes = BulkLine.objects.filter(bulk_id=late.id).order_by("line").values_list("outcome", flat=True)
    assert list(outcomes) == ["taken", "loaded"]
    undo(late)
    assert (late.undone_count, late.state) == (1, "undone")
    assert_ledger_is_clean()


def test_running_twice_brings_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK_LINES", 2)
    shop = open_shop()
    made = run(upload(shop, "external_id,balance\n" + "".join(f"B{no},1.00\n" for no in range(5))))
    after = figures()
    with pytest.raises(BulkRefused):
        start_import(made.id, by="m1", at=NOON)
    assert not run_chunk(made.id, at=NOON)
    # Even if the import's row forgot how far it is.
    CardImport.objects.filter(pk=made.id).update(state="running")
    BulkLine.objects.filter(bulk_id=made.id).update(outcome="")
    with pytest.raises(IntegrityError, match="_pkey"), transaction.atomic():
        run_chunk(made.id, at=NOON)
    assert figures() == after
    assert_ledger_is_clean()


def test_an_import_is_undone_where_its_cards_were_not_used_and_can_come_in_again() -> None:
    shop, number = open_shop(), make_number("8600")
    made = run(upload(shop, SHEET.format(number=number)))
    spent = BulkLine.objects.get(bulk_id=made.id, line=5)
    Card.objects.filter(pk=card_of(spent)).update(state="active")
    code = Credential.objects.get(card_id=card_of(spent), method="qr")
    presented = Presentation(method="qr", lookup=bytes(code.lookup))
    assert redeem(shop.request(), presented, Money(100, "CNY")).approved

    undo(made)

    assert (made.state, made.undone_count) == ("undone", 3)
    assert brought_in(made) == [
        (2, "closed", 0, 2, "taken_back"),
        (3, "closed", 0, 2, "taken_back"),
        (4, "closed", 0, 0, "taken_back"),
        (5, "active", 750, 2, "used"),
    ]
    migration = general_account_id("migration", owner_id=shop.store.id, currency="CNY")
    assert rows(
        "select sum(case when debit_account = %s then amount else -amount end)::int from ledger_transfer "
        "where %s in (debit_account, credit_account)",
        [migration, migration],
    ) == [(750,)]
    assert not undo_chunk(made.id, at=NOON)
    again = run(upload(shop, f"number,balance\n{number},100.00\n"))
    assert [line[1:] for line in brought_in(again)] == [("active", 10_000, 1, "loaded")]
    assert_ledger_is_clean()


def test_a_balance_above_the_program_s_is_refused_even_where_the_program_changed_since_the_check() -> None:
    shop = open_shop()
    made = upload(shop, "external_id,balance\nC1,10\nC2,30\n")
    Program.objects.filter(pk=shop.program.pk).update(balance_max=2_000)
    run(made)
    assert [line[1:] for line in brought_in(made)] == [
        ("active", 1_000, 1, "loaded"),
        ("issued", 0, 0, "limit_balance"),
    ]
    assert_ledger_is_clean()
