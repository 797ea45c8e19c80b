"""Orders of many cards: made, paid, loaded at once, taken back in part; each as if it were loaded alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from pytest_django import Settings

from prepaid.cards.models import (
    BulkEvent,
    BulkLine,
    BulkSecrets,
    Card,
    CardOrder,
    Credential,
)
from prepaid.cards.presentation import Presentation
from prepaid.cards.rules.in_force import RuleRefused
from prepaid.identifiers import rrn_of
from prepaid.keys import KeysLost
from prepaid.money import Money
from prepaid.stored_value.approvals.models import Approval
from prepaid.stored_value.bulk import lines, orders
from prepaid.stored_value.bulk.errors import BulkRefused
from prepaid.stored_value.bulk.orders import (
    approve_order,
    cancel_order,
    load_chunk,
    make_chunk,
    order_cards,
    record_funds,
)
from prepaid.stored_value.load import load
from tests.shop import NOON, assert_ledger_is_clean, figures, open_shop
from tests.stored_value.bulk import (
    approved,
    balances,
    card_of,
    draft,
    fund,
    lines_of,
    make,
    ordered,
    outcomes,
    rows,
    states,
)
from tests.stored_value.rule_sets import identified, rule_set, ruled_shop

pytestmark = pytest.mark.django_db


def test_an_order_is_worth_nothing_until_its_funds_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "CHUNK_LINES", 2)
    shop = open_shop()
    shop.card()
    before = figures()
    order = draft(shop, 5)
    assert not make_chunk(order.id, at=NOON)

    make(order)

    order.refresh_from_db()
    assert (order.state, order.made_count, order.loaded_count) == ("made", 5, 0)
    assert states(order) == ["issued"] * 5
    assert balances(order) == [0] * 5
    assert figures() == before
    line = lines_of(order)[0]
    credential = Credential.objects.get(card_id=card_of(line), method="number")
    presented = Presentation(method="number", lookup=bytes(credential.lookup))
    assert load(shop.request(), presented, Money(500, "CNY"), tender="cash").reason == "card_not_active"

    fund(order)

    order.refresh_from_db()
    assert (order.state, order.loaded_count, order.reference) == ("activated", 5, "TT-7")
    assert states(order) == ["active"] * 5
    assert balances(order) == [10_000] * 5
    assert outcomes(order) == ["loaded"] * 5
    assert list(BulkEvent.objects.filter(bulk_id=order.id).values_list("change", "actor")) == [
        ("order", "m1"),
        ("approve", Approval.objects.get(payload__order_id=str(order.id)).decided_by),
        ("made", "jobs"),
        ("funds", "m2"),
        ("activated", "jobs"),
    ]
    assert_ledger_is_clean()


def test_the_states_of_an_order_lead_one_way() -> None:
    order = draft(open_shop())
    with pytest.raises(BulkRefused):
        record_funds(order.id, reference="", by="m2", at=NOON)
    make(order)
    for change in (approve_order, cancel_order):
        with pytest.raises(BulkRefused):
            change(order.id, by="m2", at=NOON)
    fund(order)
    after = figures()
    with pytest.raises(BulkRefused):
        record_funds(order.id, reference="", by="m2", at=NOON)
    assert not load_chunk(order.id, at=NOON)
    assert not make_chunk(order.id, at=NOON)
    assert figures() == after


def test_a_repeated_order_is_the_same_order() -> None:
    shop = open_shop()
    first = draft(shop)
    again = order_cards(
        order_id=first.id,
        program=shop.program,
        till=shop.till,
        quantity=9,
        amount_each=1,
        tender="cash",
        buyer_name="Another",
        by="m9",
        at=NOON,
    )
    assert (again.id, again.quantity, again.buyer_name) == (first.id, 3, "Harbour Ltd")


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"value_valid_months": 12, "consumption_order": "paid_first", "balance_max": 20_000},
        {"currency": "XVS", "unit_price": 900},
    ],
)
def test_loading_fifty_together_leaves_the_rows_of_fifty_loads(terms: dict[str, Any]) -> None:
    shop = open_shop(**terms)
    together = ordered(shop, 50)
    alone = draft(shop, 50)
    make(alone)
    CardOrder.objects.filter(pk=alone.id).update(state="funded", funded_at=NOON, reference="TT-7")
    for line in lines_of(alone):
        Card.objects.filter(pk=card_of(line)).update(state="active")
        request = shop.request(
            id=rows("select stored_value_line_id(%s, %s, 'load')", [alone.load_id, line.line])[0][0],
            origin=shop.counter,
            sequence=None,
            operator="m1",
        )
        desk = Presentation(method="desk", card_id=card_of(line))
        answer = load(
            request,
            desk,
            Money(10_000, shop.program.currency),
            tender="bank_transfer",
            tender_reference="TT-7",
        )
        assert answer.approved
    assert left_by(together) == left_by(alone)
    assert_ledger_is_clean()


OWN = {
    "id",
    "account_id",
    "hash",
    "digest",
    "xid",
    "presented_id",
    "debit_account",
    "credit_account",
    "recorded_at",
}


def left_by(order: CardOrder) -> dict[str, list[dict[str, Any]]]:
    """Take every row of the ledger that the accounts of an order have, but for ids and hashes."""
    tables = (
        "ledger_account", "ledger_lot", "ledger_transaction", "ledger_transfer", "ledger_answer",
        "ledger_outbox", "ledger_counted", "ledger_hold",
    )  # fmt: skip
    left: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        key = "id" if table == "ledger_account" else "account_id"
        with connection.cursor() as cursor:
            cursor.execute(
                f"select kept.* from {table} as kept "
                f"join cards_bulkline as line on line.account_id = kept.{key} "
                "where line.bulk_id = %s order by line.line",
                [order.id],
            )
            names = [column.name for column in cursor.description or ()]
            left[table] = [
                {name: value for name, value in zip(names, row, strict=True) if name not in OWN}
                for row in cursor.fetchall()
            ]
    return left


def test_each_line_has_its_own_reference_and_stored_answer() -> None:
    shop = open_shop()
    order = ordered(shop, 40)
    answers = rows(
        "select answer.id, answer.outcome, answer.balance from cards_bulkline as line "
        "join ledger_answer as answer on answer.id = stored_value_line_id(%s, line.line, 'load') "
        "where line.bulk_id = %s order by line.line",
        [order.load_id, order.id],
    )
    assert [answer[1:] for answer in answers] == [("approved", 10_000)] * 40
    assert all(answer[0].version == 7 for answer in answers)
    assert len({rrn_of(answer[0]) for answer in answers}) == 40


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"load_single_max": 9_999}, "limit_single"),
        ({"load_day_max": 9_999}, "limit_day"),
        ({"load_month_max": 9_999}, "limit_day"),
        ({"balance_max": 9_999}, "limit_balance"),
        ({"scope_store_ids": [UUID(int=1)]}, "out_of_scope"),
    ],
)
def test_a_refused_line_is_told_and_moves_nothing(terms: dict[str, Any], reason: str) -> None:
    shop = open_shop(**terms)
    shop.card()
    before = figures()
    order = ordered(shop, 2)
    assert outcomes(order) == [reason] * 2
    assert states(order) == ["issued"] * 2
    assert figures() == before
    told = rows(
        "select outcome, reason, requested_amount, approved_amount "
        "from ledger_answer where presented_id = %s",
        [lines_of(order)[0].card_id],
    )
    assert told == [("declined", reason, 10_000, 0)]
    assert_ledger_is_clean()


def test_cards_that_changed_while_the_order_waited_are_decided_by_themselves() -> None:
    shop = open_shop(balance_max=15_000)
    order = draft(shop, 4)
    make(order)
    cards = [card_of(line) for line in lines_of(order)]
    Card.objects.filter(pk=cards[0]).update(state="lost")
    Card.objects.filter(pk__in=cards[1:3]).update(state="active")
    for card_id, amount in zip(cards[1:3], (5_000, 5_001), strict=True):
        desk = Presentation(method="desk", card_id=card_id)
        assert load(shop.request(), desk, Money(amount, "CNY"), tender="cash").approved

    fund(order)

    assert outcomes(order) == ["card_lost", "loaded", "limit_balance", "loaded"]
    assert balances(order) == [0, 15_000, 5_001, 10_000]
    assert_ledger_is_clean()


def test_a_program_with_counters_of_a_holder_loads_line_by_line_up_to_the_limit() -> None:
    shop = open_shop(holder_load_day_max=25_000)
    order = ordered(shop, 4, buyer=identified())
    assert outcomes(order) == ["loaded", "loaded", "limit_day", "limit_day"]
    assert states(order) == ["active", "active", "issued", "issued"]
    assert balances(order) == [10_000, 10_000, 0, 0]
    assert_ledger_is_clean()


def test_a_rule_asks_for_the_buyer_before_anything_is_made() -> None:
    shop = ruled_shop(rule_set(identity_required_when={"any_load": True}))
    with pytest.raises(RuleRefused, match="identity_required_when"):
        draft(shop)
    assert not CardOrder.objects.filter(program=shop.program).exists()
    order = ordered(shop, 2, buyer=identified())
    assert outcomes(order) == ["loaded", "loaded"]
    assert_ledger_is_clean()


def test_a_rule_that_refuses_a_line_is_told_with_it() -> None:
    shop = ruled_shop(rule_set(max_single_load=9_999))
    order = ordered(shop, 2)
    assert outcomes(order) == ["limit_single"] * 2
    assert rows("select count(*) from ledger_answer_rule as told join ledger_answer as answer "
                "on answer.id = told.answer_id where answer.presented_id = any(%s)",
                [[line.card_id for line in lines_of(order)]]) == [(2,)]  # fmt: skip
    assert_ledger_is_clean()


def test_a_number_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = open_shop()
    taken = ordered(shop, 1)
    number = bytes(lines_of(taken)[0].number_lookup)
    order = draft(shop, 2)
    approved(order)
    drawn: list[int] = []
    stage = lines.stage

    def stage_a_taken_one(*args: Any) -> int:
        drawn.append(1)
        staged = stage(*args)
        if len(drawn) == 1:
            BulkLine.objects.filter(bulk_id=order.id, line=2).update(number_lookup=number)
        return staged

    monkeypatch.setattr(orders, "stage", stage_a_taken_one)
    assert not make_chunk(order.id, at=NOON)
    assert len(drawn) == 2
    assert len(lines_of(order)) == 2
    assert BulkSecrets.objects.filter(bulk_id=order.id).count() == 1


def rows_read_whole() -> int:
    """Count the rows that this transaction read by going through a whole table."""
    tables = ["cards_card", "cards_credential", "cards_account", "ledger_account", "ledger_answer"]
    sql = "select sum(seq_tup_read) from pg_stat_xact_user_tables where relname = any (%s)"
    counted = rows(sql, [tables])
    return int(counted[0][0])


def test_making_and_loading_many_cards_never_goes_through_a_table_for_each() -> None:
    order = draft(open_shop(), 400)
    approved(order)
    before = rows_read_whole()
    make_chunk(order.id, at=NOON)
    made = rows_read_whole()
    fund(order)
    load_chunk(order.id, at=NOON)

    assert made - before < 4_000
    assert rows_read_whole() - made < 4_000


def test_lost_keys_are_told_and_do_not_wait_for_ever(settings: Settings, tmp_path: Path) -> None:
    shop = open_shop()
    shop.card()
    order = draft(shop, 2)
    approved(order)
    settings.KEYS_FILE = tmp_path / "keys.json"

    with pytest.raises(KeysLost):
        make_chunk(order.id, at=NOON)


def test_the_table_refuses_an_order_that_is_loaded_before_its_funds() -> None:
    order = draft(open_shop())
    make(order)
    with pytest.raises(IntegrityError, match="cards_order_loads_after_funds"):
        CardOrder.objects.filter(pk=order.id).update(loaded_count=1)


def test_cards_of_an_order_can_be_put_on_the_hot_list_of_the_terminals() -> None:
    order = draft(open_shop(), 2)
    make(order)
    for line in lines_of(order):
        kept = Credential.objects.filter(card_id=card_of(line)).order_by("method")
        assert [bytes(proof.fingerprint or b"") for proof in kept] == [
            bytes(line.number_fingerprint),
            bytes(line.qr_fingerprint or b""),
        ]
        assert {len(proof.fingerprint or b"") for proof in kept} == {4}
