"""Advices at once, the controls that show what keeps them apart, and what the audit says of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from prepaid.cards.presentation import Presentation
from prepaid.identifiers import uuid7
from prepaid.ledger.audit import audit
from prepaid.stored_value.answers import Answer
from tests.offline import LIMITS, advise, allow, lent
from tests.shop import Shop, assert_ledger_is_clean, open_shop, together
from tests.stored_value.races import MEET, change, take_out

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield open_shop()
    assert_ledger_is_clean()


def test_advices_and_loads_at_once_lend_and_recover_exactly(shop: Shop) -> None:
    # A printed code has no counter, so that nothing but the account's lock keeps them apart.
    held, grant = shop.card(balance=1_000, method="qr"), allow(shop, replace(LIMITS, count=5_000))
    scan = Presentation("qr", lookup=bytes(held.credential.lookup))
    calls: list[Callable[[], Answer]] = []
    for _ in range(20):
        calls.append(partial(advise, shop, held, 300, grant, presentation=scan))
        calls.append(lambda: shop.load_at_desk(held, 100))

    results = together(calls)

    assert [one for one in results if not isinstance(one, Answer) or not one.approved] == []
    # 1,000 and 20 loads of 100 came in, 20 purchases of 300 went out.
    assert (held.balance(), held.row("shortfall"), lent(shop)) == (0, 3_000, 3_000)


def test_the_same_advice_twice_at_once_is_posted_once(shop: Shop) -> None:
    held, grant = shop.card(balance=100), allow(shop)
    sent, digest, tap = uuid7(), os.urandom(32), held.tap()

    results = together(
        [lambda: advise(shop, held, 400, grant, id=sent, digest=digest, sequence=77, presentation=tap)] * 8
    )

    assert {one.hash for one in results if isinstance(one, Answer)} != {None}
    assert len({one.hash for one in results if isinstance(one, Answer)}) == 1
    assert sum(not one.replayed for one in results if isinstance(one, Answer)) == 1
    assert (held.balance(), held.row("shortfall"), lent(shop)) == (0, 300, 300)


def test_without_the_account_s_lock_the_race_lends_wrongly(scratch_db: str) -> None:
    shop = open_shop()
    # A printed code has no counter, so that nothing but the account's lock keeps them apart.
    held, grant = shop.card(balance=1_000, method="qr"), allow(shop, replace(LIMITS, count=5_000))
    scan = Presentation("qr", lookup=bytes(held.credential.lookup))
    take_out(
        "stored_value_advise",
        "where id = v_card.account_id for update",
        instead=f"where id = v_card.account_id; perform {MEET}",
    )

    results = together([partial(advise, shop, held, 300, grant, presentation=scan)] * 20)

    whole = all(isinstance(one, Answer) and one.hash for one in results)
    assert not (whole and held.row("shortfall") == 5_000)


@pytest.mark.parametrize(
    ("statement", "invariants"),
    [
        (
            "update ledger_account set shortfall = shortfall + 1 where shortfall > 0",
            {"shortfall_is_the_sum_of_open_shortfalls", "shortfall_is_the_sum_of_its_transfers"},
        ),
        ("update ledger_shortfall set recovered = 1", {"shortfall_is_the_sum_of_open_shortfalls"}),
        ("update ledger_advice set amount = amount + 1", {"advice_is_posted_once"}),
        (
            "delete from ledger_shortfall",
            {"advice_is_posted_once", "shortfall_is_the_sum_of_open_shortfalls"},
        ),
    ],
)
def test_the_audit_names_what_was_changed_behind_its_back(
    scratch_db: str, statement: str, invariants: set[str]
) -> None:
    shop = open_shop()
    advise(shop, shop.card(balance=300), 1_000, allow(shop))
    assert_ledger_is_clean()
    change(f"set session_replication_role = replica; {statement}")

    assert {finding.invariant for finding in audit()} == invariants
