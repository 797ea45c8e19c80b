"""Faults planted behind the ledger's back: reconciling names the very row, once, however often it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from prepaid.money import Money
from prepaid.settlement.kinds import KINDS
from prepaid.settlement.models import SettlementException
from prepaid.settlement.reconcile import reconcile
from prepaid.stored_value.hold import hold
from tests.shop import NOON, Shop

Behind = psycopg.Connection[tuple[object, ...]]
LATER = NOON + timedelta(hours=16)


@dataclass(frozen=True)
class Books:
    """An account with four transactions: 100.00 loaded, 36.50 and 10.00 redeemed, the last voided."""

    account: UUID
    ids: tuple[UUID, ...]
    store: UUID
    declined: UUID

    def transaction(self, position: int) -> str:
        return f"{self.account}/{position} {self.ids[position - 1]}"


@pytest.fixture
def books(shop: Shop) -> Books:
    held = shop.card()
    answers = [shop.load(held, 10_000), shop.redeem(held, 3_650), shop.redeem(held, 1_000)]
    answers.append(shop.void(answers[2].id))
    declined = shop.redeem(held, 999_999)
    with connection.cursor() as cursor:
        cursor.execute("select ledger_fold_outbox(100)")
    return Books(held.account_id, tuple(each.id for each in answers), shop.store.id, declined.id)


@dataclass(frozen=True)
class Fault:
    """What is done, and which rows must be named for it: `{kind: [key]}`."""

    statement: str
    named: Callable[[Any], dict[str, list[str]]]


LOTS_PLUS_500 = (
    "array[row(lots[1].lot_no, lots[1].bonus, lots[1].remaining + 500, lots[1].expires_on)::ledger_open_lot]"
)

FAULTS = {
    "balance raised with its lot": Fault(
        f"update ledger_account set balance = balance + 500, lots = {LOTS_PLUS_500}",
        lambda books: {
            "balance_is_the_sum_of_transfers": [f"{books.account}"],
            "open_lot_is_the_sum_of_its_transfers": [f"{books.account}/1"],
            "account_stands_at_the_end_of_its_chain": [f"{books.account}"],
        },
    ),
    "balance raised alone, the check constraint dropped": Fault(
        "alter table ledger_account drop constraint ledger_account_lots_are_the_balance;"
        "update ledger_account set balance = balance + 500",
        lambda books: {
            "balance_is_the_sum_of_open_lots": [f"{books.account}"],
            "balance_is_the_sum_of_transfers": [f"{books.account}"],
            "account_stands_at_the_end_of_its_chain": [f"{books.account}"],
        },
    ),
    "counter of the day lowered": Fault(
        "update ledger_account set redeemed_today = 0",
        lambda books: {"counters_are_what_their_day_and_month_counted": [f"{books.account}"]},
    ),
    "held raised": Fault(
        "update ledger_account set held = 100",
        lambda books: {
            "account_stands_at_the_end_of_its_chain": [f"{books.account}"],
            "held_is_the_sum_of_open_holds": [f"{books.account}"],
        },
    ),
    "transfer deleted": Fault(
        "delete from ledger_transfer where position = 2",
        lambda books: {
            "balance_is_the_sum_of_transfers": [f"{books.account}"],
            "open_lot_is_the_sum_of_its_transfers": [f"{books.account}/1"],
            "transaction_is_the_sum_of_its_transfers": [books.transaction(2)],
            "chain_verifies": [books.transaction(2)],
        },
    ),
    "transfer sent elsewhere": Fault(
        "update ledger_transfer set credit_account = gen_random_uuid() where position = 2",
        lambda books: {
            "transfer_names_accounts_that_exist": [f"{books.account}/2/1"],
            "chain_verifies": [books.transaction(2)],
        },
    ),
    "chain broken": Fault(
        "update ledger_transaction set hash = sha256('forged') where position = 2",
        lambda books: {
            "chain_verifies": [books.transaction(2), books.transaction(3)],
            "approved_answer_is_posted": [f"{books.ids[1]}"],
        },
    ),
    "operator of a transaction changed": Fault(
        "update ledger_transaction set operator = 'somebody else' where position = 3",
        lambda books: {"chain_verifies": [books.transaction(3)]},
    ),
    "amount changed": Fault(
        "update ledger_transaction set amount = 2650 where position = 2",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "transaction_is_the_sum_of_its_transfers": [books.transaction(2)],
            "chain_verifies": [books.transaction(2)],
            "approved_answer_is_posted": [f"{books.ids[1]}"],
            "daily_sums_and_outbox_are_the_transactions": [f"2026-11-23 {books.store} redeem "],
        },
    ),
    "amount changed with its transfer": Fault(
        "update ledger_transaction set amount = 2650 where position = 2;"
        "update ledger_transfer set amount = 2650 where position = 2",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "balance_is_the_sum_of_transfers": [f"{books.account}"],
            "open_lot_is_the_sum_of_its_transfers": [f"{books.account}/1"],
            "chain_verifies": [books.transaction(2)],
            "approved_answer_is_posted": [f"{books.ids[1]}"],
            "daily_sums_and_outbox_are_the_transactions": [f"2026-11-23 {books.store} redeem "],
        },
    ),
    "transaction deleted": Fault(
        "delete from ledger_transaction where position = 2",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "transfer_belongs_to_a_transaction": [f"{books.account}/2/1"],
            "chain_has_no_gap": [f"{books.account}"],
            "chain_verifies": [books.transaction(3)],
            "approved_answer_is_posted": [f"{books.ids[1]}"],
            "daily_sums_and_outbox_are_the_transactions": [f"2026-11-23 {books.store} redeem "],
        },
    ),
    "last transaction deleted with its transfer and answer": Fault(
        "delete from ledger_transaction where position = 4; delete from ledger_transfer where position = 4;"
        "delete from ledger_answer where position = 4",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "balance_is_the_sum_of_transfers": [f"{books.account}"],
            "open_lot_is_the_sum_of_its_transfers": [f"{books.account}/1"],
            "chain_has_no_gap": [f"{books.account}"],
            "account_stands_at_the_end_of_its_chain": [f"{books.account}"],
            "daily_sums_and_outbox_are_the_transactions": [f"2026-11-23 {books.store} void redeem"],
        },
    ),
    "lot made larger": Fault(
        "update ledger_lot set amount = 20000",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "lot_is_as_its_transfer_made_it": [f"{books.account}/1"],
        },
    ),
    "lot made smaller than what is left of it": Fault(
        "update ledger_lot set amount = 100",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "lot_is_as_its_transfer_made_it": [f"{books.account}/1"],
            "open_lot_is_as_it_was_made": [f"{books.account}/1"],
        },
    ),
    "lot's tender changed": Fault(
        "update ledger_lot set tender = 'bank_card'",
        lambda books: {"lot_is_as_its_transfer_made_it": [f"{books.account}/1"]},
    ),
    "lot's expiry changed": Fault(
        "update ledger_lot set expires_on = '2099-01-01'",
        lambda books: {"open_lot_is_as_it_was_made": [f"{books.account}/1"]},
    ),
    "lot deleted": Fault(
        "delete from ledger_lot",
        lambda books: {
            "counters_are_what_their_day_and_month_counted": [f"{books.account}"],
            "lot_is_as_its_transfer_made_it": [f"{books.account}/1"],
            "open_lot_is_as_it_was_made": [f"{books.account}/1"],
        },
    ),
    "daily sum changed": Fault(
        "update ledger_daily_sum set amount = amount + 1 where type = 'load'",
        lambda books: {"daily_sums_and_outbox_are_the_transactions": [f"2026-11-23 {books.store} load "]},
    ),
    "daily sum deleted": Fault(
        "delete from ledger_daily_sum where type = 'void'",
        lambda books: {
            "daily_sums_and_outbox_are_the_transactions": [f"2026-11-23 {books.store} void redeem"]
        },
    ),
    "answer changed": Fault(
        "update ledger_answer set approved_amount = 1 where position = 2",
        lambda books: {"approved_answer_is_posted": [f"{books.ids[1]}"]},
    ),
    "answer deleted": Fault(
        "delete from ledger_answer where position = 2",
        lambda books: {"posted_transaction_has_its_answer": [books.transaction(2)]},
    ),
    "decline turned into an approval": Fault(
        "update ledger_answer set outcome = 'approved', reason = null, approved_amount = requested_amount "
        "where outcome = 'declined'",
        lambda books: {"answer_that_posted_nothing_moved_nothing": [f"{books.declined}"]},
    ),
    "rule told of an approval": Fault(
        "insert into ledger_answer_rule select id, gen_random_uuid() from ledger_answer where position = 2",
        lambda books: {"rule_was_told_with_a_decline": [f"{books.ids[1]}"]},
    ),
}


BONUS_FAULTS = {
    "bonus paid, but not said to be": Fault(
        "update ledger_bonus set resolution = null, resolved_by = null where number = 1",
        lambda books: {"bonus_is_paid_once": [books.bonus(1)]},
    ),
    "bonus said to be paid, but not": Fault(
        "update ledger_bonus set resolution = 'paid', resolved_by = id where number = 2",
        lambda books: {"bonus_is_paid_once": [books.bonus(2)]},
    ),
    "bonus under another id": Fault(
        f"update ledger_bonus set id = '{UUID(int=2)}' where number = 2",
        lambda books: {"bonus_is_paid_once": [f"{books.account}/{books.load} {UUID(int=2)}"]},
    ),
    "bonus cancelled without its load": Fault(
        "update ledger_bonus set resolution = 'cancelled', resolved_by = load_id where number = 2",
        lambda books: {"bonus_goes_back_with_its_load": [books.bonus(2)]},
    ),
    "bonus lot without a campaign": Fault(
        "update ledger_lot set campaign = ''",
        lambda books: {"lot_is_as_its_transfer_made_it": [f"{books.account}/1"]},
    ),
    "paid lot called a bonus": Fault(
        "update ledger_lot set bonus = true, campaign = 'mine' where not bonus;"
        "update ledger_account set lots = array("
        "select row(lot_no, true, remaining, expires_on)::ledger_open_lot from unnest(lots))",
        lambda books: {
            "lot_is_as_its_transfer_made_it": [f"{books.account}/2"],
            # Only what was paid counts for the limits of loads.
            "counters_are_what_their_day_and_month_counted": [str(books.account)],
        },
    ),
    "hold placed later than its value was good for": Fault(
        "update ledger_hold set placed_on = '2999-01-01';"
        "update ledger_lot set expires_on = '2998-01-01';"
        "update ledger_account set lots = array("
        "select row(lot_no, bonus, remaining, date '2998-01-01')::ledger_open_lot from unnest(lots))",
        lambda books: {"open_holds_are_covered": [f"{books.account}"]},
    ),
}


@dataclass(frozen=True)
class Promised:
    """An account with 100.00 loaded, a bonus of 30 that comes in three parts, and a hold of 10.00."""

    account: UUID
    load: UUID
    parts: tuple[UUID, ...]

    def bonus(self, number: int) -> str:
        return f"{self.account}/{self.load} {self.parts[number - 1]}"


@pytest.fixture
def promised(shop: Shop) -> Promised:
    shop.offer(10_000, 30, instalments=3)
    held = shop.card()
    answer = shop.load(held, 10_000)
    hold(shop.request(), held.tap(), Money(1_000, "CNY"), expires_at=NOON + timedelta(days=9))
    with connection.cursor() as cursor:
        cursor.execute("select id from ledger_bonus where load_id = %s order by number", [answer.id])
        parts = tuple(row[0] for row in cursor.fetchall())
    return Promised(held.account_id, answer.id, parts)


@pytest.mark.parametrize("name", BONUS_FAULTS)
def test_fault_planted_in_a_bonus_or_under_a_hold_is_named(
    name: str, promised: Promised, behind_the_ledger: Behind
) -> None:
    assert reconcile(LATER).is_clean
    behind_the_ledger.execute(BONUS_FAULTS[name].statement)

    assert named_by(reconcile(LATER).open) == BONUS_FAULTS[name].named(promised)


def named_by(exceptions: list[SettlementException]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for exception in sorted(exceptions, key=lambda each: each.key):
        named.setdefault(exception.kind, []).append(exception.key)
    return named


def stored() -> list[tuple[Any, ...]]:
    return list(SettlementException.objects.order_by("id").values_list("id", "kind", "key", "first_seen_at"))


def test_clean_ledger_gives_no_exception(books: Books) -> None:
    summary = reconcile(LATER)

    assert summary.open == []
    assert summary.is_clean
    assert stored() == []


@pytest.mark.parametrize("name", FAULTS)
def test_planted_fault_is_named_with_its_row_and_stored_once(
    name: str, books: Books, behind_the_ledger: Behind
) -> None:
    assert reconcile(LATER).is_clean
    behind_the_ledger.execute(FAULTS[name].statement)

    first = reconcile(LATER)
    kept = stored()
    again = reconcile(LATER + timedelta(hours=24))

    assert named_by(first.open) == FAULTS[name].named(books)
    assert (first.is_clean, again.is_clean) == (False, False)
    assert (first.new, again.new) == (len(kept), 0)
    assert stored() == kept
    assert {each.last_seen_at for each in again.open} == {LATER + timedelta(hours=24)}


def test_balance_alone_cannot_be_changed_even_by_the_owner_of_the_server(
    books: Books, behind_the_ledger: Behind
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="ledger_account_lots_are_the_balance"):
        behind_the_ledger.execute("update ledger_account set balance = balance + 500")


def test_fault_that_is_mended_is_no_longer_found_but_stays_until_somebody_resolves_it(
    books: Books, behind_the_ledger: Behind
) -> None:
    behind_the_ledger.execute("update ledger_daily_sum set amount = amount + 1 where type = 'load'")
    reconcile(LATER)
    behind_the_ledger.execute("update ledger_daily_sum set amount = amount - 1 where type = 'load'")

    mended = reconcile(LATER + timedelta(hours=1))

    assert (mended.vanished, mended.is_clean, len(mended.open)) == (1, True, 1)
    assert mended.open[0].vanished_at == LATER + timedelta(hours=1)

    behind_the_ledger.execute("update ledger_daily_sum set amount = amount + 1 where type = 'load'")
    back = reconcile(LATER + timedelta(hours=2))
    assert (back.new, back.is_clean, len(back.open)) == (0, False, 1)


def test_command_prints_the_row_and_exits_with_one(books: Books, behind_the_ledger: Behind) -> None:
    behind_the_ledger.execute("delete from ledger_transfer where position = 2")
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", stdout=out)

    assert ended.value.code == 1
    assert f"transaction {books.transaction(2)}" in out.getvalue()
    assert "transaction_is_the_sum_of_its_transfers" in out.getvalue()


def test_command_as_json_is_one_document(books: Books, behind_the_ledger: Behind) -> None:
    behind_the_ledger.execute("update ledger_lot set tender = 'bank_card'")
    out, progress = StringIO(), StringIO()

    with pytest.raises(SystemExit):
        call_command("reconcile", "--json", stdout=out, stderr=progress)

    told = json.loads(out.getvalue())
    assert told["clean"] is False
    assert [(each["kind"], each["key"]) for each in told["open"]] == [
        ("lot_is_as_its_transfer_made_it", f"{books.account}/1")
    ]
    assert "ledger invariants" in progress.getvalue()


def test_command_ends_well_when_everything_agrees(books: Books) -> None:
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert "Everything agrees." in out.getvalue()


def test_every_invariant_of_the_audit_has_a_title() -> None:
    from prepaid.ledger.audit import list_invariants

    assert {name for name, _ in list_invariants()} <= set(KINDS)
