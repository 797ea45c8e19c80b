"""What the common case of a redeem writes at once is what the general posting writes, row for row."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.shop import HeldCard, open_shop

Rows = dict[str, list[Any]]
CREDIT = UUID(int=5)
OF_ONE_POSTING = ("transaction", "transfer", "outbox")
REQUEST = (
    "row('019ab0a5-0d27-7cb4-8f2e-5d5a0cb7a9c1', null, account.id, 7, account.id, %(on)s, "
    "'2026-11-24T09:00:00Z', '2026-11-24T09:00:01Z', 'one', '')::ledger_request"
)
AT_ONCE = f"select ledger_spend({REQUEST}, account, %(amount)s, %(credit)s, %(proportional)s)"
STEP_BY_STEP = f"""
select ledger_post({REQUEST}, account, jsonb_populate_record(account, jsonb_build_object(
        'balance', account.balance - %(amount)s, 'lots', to_jsonb(taken.lots))),
    'redeem', %(amount)s, null, null, null, taken.legs)
"""


@pytest.fixture
def held(committed_db: None) -> HeldCard:
    shop = open_shop()
    held = shop.card(balance=1_000)
    assert shop.load_at_desk(held, 500).approved
    return held


def rows_after(
    owner: psycopg.Connection[Any], held: HeldCard, statement: str, values: dict[str, Any]
) -> Rows:
    """Post, give the rows that it leaves, and take it back."""
    taken = "ledger_take(account.lots, %(amount)s, %(on)s, account.id, %(credit)s, %(proportional)s) as taken"
    values = values | {"account": held.account_id, "credit": CREDIT}
    with owner.transaction(force_rollback=True):
        (hash_of_it,) = owner.execute(
            f"{statement} from ledger_account as account, {taken} where account.id = %(account)s", values
        ).fetchone() or (None,)
        assert hash_of_it is not None
        account = "select to_jsonb(account) from ledger_account as account where id = %(account)s"
        rows = {"account": [row for (row,) in owner.execute(account, values)]}
        for table in OF_ONE_POSTING:
            posted = (
                f"select to_jsonb(posted) - 'xid' from ledger_{table} as posted "
                "join ledger_account as account "
                "on account.id = posted.account_id and account.position = posted.position "
                "where account.id = %(account)s order by to_jsonb(posted) ->> 'leg'"
            )
            rows[table] = [row for (row,) in owner.execute(posted, values)]
    return rows


@pytest.mark.parametrize(
    ("amount", "days", "proportional"),
    [
        pytest.param(1, 0, False, id="a part of the first lot"),
        pytest.param(999, 0, False, id="all but one of the first lot"),
        pytest.param(1_000, 0, False, id="the first lot"),
        pytest.param(1_001, 0, False, id="more than the first lot"),
        pytest.param(1_500, 0, False, id="all of it"),
        pytest.param(700, 0, True, id="in proportion"),
        pytest.param(700, 1, False, id="on a new day"),
        pytest.param(700, 40, False, id="in a new month"),
        pytest.param(700, -1, False, id="on a day before"),
    ],
)
def test_what_is_written_at_once_is_what_is_posted_step_by_step(
    owner: psycopg.Connection[Any], held: HeldCard, amount: int, days: int, proportional: bool
) -> None:
    counted_on: date = held.row("counted_on")
    values = {"amount": amount, "on": counted_on + timedelta(days=days), "proportional": proportional}

    at_once = rows_after(owner, held, AT_ONCE, values)

    assert at_once == rows_after(owner, held, STEP_BY_STEP, values)
    assert [len(at_once[table]) for table in OF_ONE_POSTING] == [1, 1 if amount <= 1_000 else 2, 1]
    assert at_once["account"][0]["balance"] == 1_500 - amount


def test_an_account_that_was_posted_to_meanwhile_is_left_alone(
    owner: psycopg.Connection[Any], held: HeldCard
) -> None:
    values = {"amount": 1, "on": held.row("counted_on"), "proportional": False, "credit": CREDIT}
    earlier = AT_ONCE.replace(", account, ", """, jsonb_populate_record(account, '{"position": 1}'), """)

    found = owner.execute(
        f"{earlier} from ledger_account as account where id = %(account)s",
        values | {"account": held.account_id},
    ).fetchone()

    assert found == (None,)
    assert (held.balance(), held.row("position")) == (1_500, 2)
