"""The commands: a file is told line by line, tried without a trace, brought in; many cards are ordered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from prepaid.cards.models import BulkLine, Card, CardImport, CardOrder, Program
from prepaid.stored_value.approvals.bulk import find_request_of
from prepaid.stored_value.approvals.service import approve
from prepaid.stored_value.bulk.work import work_off
from prepaid.stores.models import Staff
from tests.shop import Shop, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.people import hire

pytestmark = pytest.mark.django_db


def run(*words: str, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*words, stdout=out, stderr=err, **options)
    except CommandError as error:
        return out.getvalue(), f"{err.getvalue()}{error}"
    return out.getvalue(), err.getvalue()


@pytest.fixture
def shop() -> Shop:
    opened = open_shop()
    opened.program.scope_store_ids = [opened.store.id]
    opened.program.save()
    return opened


def write(folder: Path, text: str, encoding: str = "utf-8") -> str:
    file = folder / "old.csv"
    file.write_bytes(text.encode(encoding))
    return str(file)


def test_a_dry_run_says_that_all_is_good_and_keeps_nothing(shop: Shop, tmp_path: Path) -> None:
    file = write(tmp_path, "会员号,余额\nA1,10.50\n", "gb18030")
    out, err = run("import_cards", file, "--program", shop.program.code, "--dry-run")
    assert (out, err) == ("1 cards with ¥10.50 and bonus of ¥0.00, GB 18030: all good.\n", "")
    assert not CardImport.objects.filter(program=shop.program).exists()
    assert not Card.objects.filter(program=shop.program).exists()


def test_faults_are_told_line_by_line_and_nothing_comes_in(shop: Shop, tmp_path: Path) -> None:
    shop.card()
    before = figures()
    file = write(tmp_path, "external_id,balance\nA1,1\nA2,x\nA1,1\n")
    out, err = run("import_cards", file, "--program", shop.program.code, "--by", hire(shop).code)
    assert out == ""
    assert err.splitlines() == [
        "line 3: balance: Not an amount: digits, and at most the decimals of the currency after a point. x",
        "line 4: external_id: It stands on an earlier line already; which one, is shown beside. 2",
        "Faults: 2, in a file of 3 lines. Nothing was brought in.",
    ]
    assert figures() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("number,colour\n", "The heading names a column that is not known: colour"),
        ("number,balance\n", "The file has no lines below its heading."),
    ],
)
def test_a_file_that_cannot_be_read_says_why(shop: Shop, tmp_path: Path, text: str, says: str) -> None:
    assert run("import_cards", write(tmp_path, text), "--program", shop.program.code, "--dry-run")[1] == says
    missing = str(tmp_path / "none.csv")
    assert run("import_cards", missing)[1] == f"{missing}: No such file or directory."


def test_a_good_file_is_brought_in_with_its_progress(shop: Shop, tmp_path: Path) -> None:
    Program.objects.filter(pk=shop.program.pk).update(bulk_import_alone_max=300)
    file = write(tmp_path, "external_id,balance\nA1,1\nA2,2\n")
    out, err = run(*import_of(shop, file, hire(shop)))
    assert err == ""
    assert out.splitlines()[1] == "2 of 2"
    made = CardImport.objects.get(program=shop.program)
    assert (made.state, BulkLine.objects.filter(bulk_id=made.id, outcome="loaded").count()) == ("done", 2)
    assert_ledger_is_clean()


def import_of(shop: Shop, file: str, staff: Staff) -> list[str]:
    return ["import_cards", file, "--program", shop.program.code, "--by", staff.code]


def test_above_the_amount_a_file_waits_for_another_manager(shop: Shop, tmp_path: Path) -> None:
    Program.objects.filter(pk=shop.program.pk).update(bulk_import_alone_max=299)
    file, asker = write(tmp_path, "external_id,balance\nA1,1\nA2,2\n"), hire(shop)
    out, err = run(*import_of(shop, file, asker))
    assert err == ""
    assert f"¥3.00 in all is above ¥2.99: a manager other than {asker.code} must approve it" in out
    made = CardImport.objects.get(program=shop.program)
    asked = find_request_of(made.id)
    assert (made.state, asked is not None and asked.verdict) == ("checked", None)
    assert not Card.objects.filter(program=shop.program).exists()


def order_of(shop: Shop, staff: Staff, amount: str = "12.50") -> list[str]:
    words = ["order_cards", "3", amount, "--buyer", "Harbour", "--program", shop.program.code]
    return [*words, "--by", staff.code]


def test_above_the_amount_the_command_says_who_decides_and_makes_nothing(shop: Shop) -> None:
    Program.objects.filter(pk=shop.program.pk).update(bulk_issue_alone_max=3_749)
    asker = hire(shop)
    out, err = run(*order_of(shop, asker), "--funded")
    assert err == ""
    assert "¥37.50 in all is above ¥37.49" in out
    assert f"a manager other than {asker.code} must approve it in the office, under Approvals" in out
    order = CardOrder.objects.get(program=shop.program)
    assert (order.state, Card.objects.filter(program=shop.program).count()) == ("draft", 0)

    asked = find_request_of(order.id)
    assert asked is not None
    approve(asked.id, staff=hire(shop), at=timezone.now())
    work_off(now=timezone.now, may_go_on=lambda: True)

    order.refresh_from_db()
    assert (order.state, order.made_count) == ("made", 3)
    assert_ledger_is_clean()


def test_only_a_manager_orders_or_brings_in_by_command(shop: Shop, tmp_path: Path) -> None:
    cashier = hire(shop, "cashier")
    says = f"{cashier.code} is no manager's code: --by CODE says who asks. Nothing was done."
    file = write(tmp_path, "external_id,balance\nA1,1\n")
    assert run(*order_of(shop, cashier))[1] == says
    assert run(*import_of(shop, file, cashier))[1] == says
    assert not CardOrder.objects.filter(program=shop.program).exists()
    assert not CardImport.objects.filter(program=shop.program).exists()


def test_cards_are_ordered_and_loaded_with_their_progress(shop: Shop) -> None:
    Program.objects.filter(pk=shop.program.pk).update(bulk_issue_alone_max=3_750)
    out, err = run(*order_of(shop, hire(shop)), "--funded")
    assert err == ""
    assert "3 of 3 made, 3 loaded with ¥12.50" in out
    order = CardOrder.objects.get(program=shop.program)
    assert (order.state, order.amount_each, order.buyer_name) == ("activated", 1_250, "Harbour")
    assert_ledger_is_clean()


def test_an_amount_that_is_none_orders_nothing(shop: Shop) -> None:
    err = run(*order_of(shop, hire(shop), amount="12.505"))[1]
    assert err.endswith("Nothing was ordered.")
    assert not CardOrder.objects.filter(program=shop.program).exists()
