"""Faults planted in moves behind the ledger's back: the audit names the row."""

from __future__ import annotations

import pytest

from prepaid.ledger.audit import audit
from tests.databases import connect_as_superuser
from tests.shop import assert_ledger_is_clean, open_shop
from tests.stored_value.test_move import moved

PLANTED = {
    "the move forgotten": (
        "delete from ledger_move where id = '{id}'",
        {"move_is_posted_on_both_sides"},
    ),
    "more taken than given": (
        "update ledger_transaction set amount = 401 where id = '{id}' and type = 'move_in'",
        {"move_is_posted_on_both_sides", "transaction_is_the_sum_of_its_transfers", "chain_verifies"},
    ),
    "value kept in transit": (
        "update ledger_transfer set debit_account = (select general.id "
        "from ledger_general_account as general "
        "where general.kind = 'fees' and owner_id = '{store}' and currency = 'CNY') "
        "where account_id = '{target}' and position = 1",
        {"transit_is_empty_after_each_move", "chain_verifies"},
    ),
    "paid made bonus": (
        "update ledger_lot set bonus = true where account_id = '{target}' and lot_no = 1",
        {"lot_is_as_its_source_was", "open_lot_is_as_it_was_made"},
    ),
    "longer valid than its source": (
        "update ledger_lot set expires_on = '2030-01-01' where account_id = '{target}' and lot_no = 1",
        {"lot_is_as_its_source_was", "open_lot_is_as_it_was_made"},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_audit_names_a_fault_that_was_planted_in_a_move(scratch_db: str, name: str) -> None:
    statement, invariants = PLANTED[name]
    shop = open_shop()
    source, target = shop.card(balance=1_000), shop.card()
    answer = moved(shop, source, target, 400)
    assert_ledger_is_clean()
    with connect_as_superuser(scratch_db) as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(statement.format(id=answer.id, target=target.account_id, store=shop.store.id))

    found = list(audit())

    assert invariants <= {one.invariant for one in found}
    keys = " ".join(one.key for one in found if one.invariant in invariants)
    assert str(answer.id) in keys or str(target.account_id) in keys
