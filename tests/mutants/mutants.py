"""Eight guards of value, each taken out of the SQL by a small change, and the tests that must notice.

A change names the text that it takes out: where the file does not have it any more, the mutant fails loudly
instead of changing nothing. Tables are frozen, so that their mutants change the table that was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prepaid.ledger.loading import SITE
from prepaid.runner.cluster import OWNER_ROLE
from tests.conftest import connect_as
from tests.ledger import test_append_only
from tests.model.stage import Stage
from tests.model.walk import first_fault
from tests.shop import HeldCard, Shop, open_shop
from tests.stored_value import test_holds_and_refunds, test_move_races, test_races, test_undo
from tests.stored_value.races import MEET, MEETING

Killer = Callable[[], None]
# A mutant whose steps fall into the walk's way is met within some hundred of them.
WALK_STEPS = 1_500


@dataclass(frozen=True)
class Mutant:
    """A guard, the file where it stands, what takes it out, and the names of the tests that must fail.

    `changes` are texts of a function's file and what stands in their place. `statement` is for a table.
    """

    name: str
    file: str
    killers: tuple[str, ...]
    changes: tuple[tuple[str, str], ...] = ()
    guard: str = ""
    statement: str = ""
    # SQL that is run before it.
    also: str = ""

    def sql(self) -> str:
        """Write what makes the mutant. Raises LookupError where the guard is not in its file any more."""
        text = (SITE / self.file).read_text()
        for guard in [before for before, _ in self.changes] or [self.guard]:
            if guard not in text:
                raise LookupError(f"{self.name}: {self.file} has no {guard!r} any more")
        for before, instead in self.changes:
            text = text.replace(before, instead)
        made = self.statement or text
        return f"{self.also};\n{made}" if self.also else made


PAUSE = " perform pg_sleep(0.02);"
MUTANTS = (
    Mutant(
        "guard: an account's row is written only as it was read",
        "ledger/sql/functions/ledger_spend.sql",
        ("spending by many codes at once",),
        changes=((" and position = p_account.position", f" and {MEET}"),),
        # The chain's keys would stop it too, and the call come again: that they do is not what is asked here.
        also=f"{MEETING}; alter table ledger_transaction drop constraint ledger_transaction_pkey; "
        "alter table ledger_transfer drop constraint ledger_transfer_pkey",
    ),
    Mutant(
        "check: the open lots are the balance",
        "ledger/sql/tables/0001.sql",
        ("the owner may not unbalance an account",),
        guard="constraint ledger_account_lots_are_the_balance check",
        statement="alter table ledger_account drop constraint ledger_account_lots_are_the_balance",
    ),
    Mutant(
        "unique key: an original is undone once",
        "ledger/sql/tables/0001.sql",
        ("the key refuses a second undo",),
        guard="ledger_transaction_undone_once",
        statement="drop index ledger_transaction_undone_once",
    ),
    Mutant(
        "lock order: two accounts in the order of their ids",
        "stored_value/sql/functions/stored_value_move.sql",
        ("moves both ways at once",),
        changes=(
            (
                "least(v_source.account_id, v_target.account_id) for update;",
                f"v_source.account_id for update;{PAUSE}",
            ),
            ("greatest(v_source.account_id, v_target.account_id)", "v_target.account_id"),
        ),
    ),
    Mutant(
        "counter: a tap's counter must rise",
        "stored_value/sql/functions/stored_value_admit_card.sql",
        ("the walk", "one tap in many transactions"),
        changes=((" and credential.counter < p_presented.counter", ""),),
    ),
    Mutant(
        "tombstone: a reversal comes before its original",
        "stored_value/sql/functions/stored_value_undo.sql",
        ("the walk", "a late original after its reversal"),
        changes=(("elsif v_original.id is null then", "elsif false then"),),
    ),
    Mutant(
        "refund sum: refunds never exceed their original",
        "stored_value/sql/functions/stored_value_refund.sql",
        ("the walk", "refunds in parts"),
        changes=((") > (v.transaction).amount then", ") > (v.transaction).amount * 2 then"),),
    ),
    Mutant(
        "hold resolve: a hold is captured once",
        "stored_value/sql/functions/stored_value_capture.sql",
        ("the walk", "captures and releases at once"),
        changes=(("when v_hold.resolution is not null or ", "when "),),
    ),
)


def walk_with_the_model() -> None:
    """Take the first steps of one walk, always the same, in PostgreSQL and in the model."""
    fault = first_fault(Stage(), "mutants", steps=WALK_STEPS, seed="8")
    assert fault is None, fault.error


def unbalance_an_account() -> None:
    open_shop().card(balance=100)
    with connect_as(OWNER_ROLE) as owner:
        test_append_only.test_owner_may_not_unbalance_an_account(owner)


def in_a_shop(test: Callable[[Shop, HeldCard], None]) -> Killer:
    """Give a test of the suite the shop and the card that its fixtures would."""

    def run() -> None:
        shop = open_shop()
        test(shop, shop.card(balance=10_000))

    return run


KILLERS: dict[str, Killer] = {
    "the walk": walk_with_the_model,
    "spending by many codes at once": lambda: (
        test_races.test_printed_codes_at_once_on_money_for_seven_succeed_seven_times()
    ),
    "the owner may not unbalance an account": unbalance_an_account,
    "the key refuses a second undo": lambda: (
        test_races.test_without_the_undone_once_rule_in_code_the_key_still_refuses("")
    ),
    "moves both ways at once": lambda: (
        test_move_races.test_fifty_moves_both_ways_at_once_all_go_through_and_the_sum_stays(open_shop())
    ),
    "one tap in many transactions": lambda: test_races.test_one_tap_in_two_transactions_is_accepted_once(
        None
    ),
    "a late original after its reversal": in_a_shop(
        test_undo.test_reversal_before_its_original_is_a_tombstone
    ),
    "refunds in parts": in_a_shop(
        test_holds_and_refunds.test_partial_refunds_give_back_the_last_taken_lot_first_and_never_too_much
    ),
    "captures and releases at once": in_a_shop(
        test_holds_and_refunds.test_captures_and_releases_of_one_hold_at_once_resolve_it_once
    ),
}
