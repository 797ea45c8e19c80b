"""What a hostile reading of the money paths found, each held by a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import RequestFactory

from prepaid.cards.models import Program
from prepaid.cards.presentation import at_the_desk
from prepaid.identifiers import uuid7
from prepaid.ledger.accounts import open_general_accounts
from prepaid.ledger.audit import audit
from prepaid.ledger.errors import SequenceReused
from prepaid.money import Money
from prepaid.stored_value import calls
from prepaid.stored_value.answers import Answer
from prepaid.stored_value.hold import capture, hold
from prepaid.stored_value.load import load
from prepaid.stored_value.redeem import redeem
from prepaid.web.admin import ProgramAdmin
from tests.shop import HeldCard, Shop, assert_ledger_is_clean, figures, open_shop, together
from tests.stored_value.races import change, outcomes, spend

pytestmark = pytest.mark.usefixtures("committed_db")
SHADOWED = ("ledger_transaction", "ledger_transfer", "ledger_lot", "ledger_outbox", "ledger_answer")


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    return shop.card(balance=10_000)


@pytest.mark.race
def test_late_original_sent_many_times_at_once_is_declined_alike(shop: Shop, held: HeldCard) -> None:
    for _ in range(5):
        request, tap = shop.request(), held.tap()
        shop.reverse(request.id)

        results = together([spend(request, tap)] * 20)

        assert outcomes(results) == {"declined": 1, "declined again": 19}
    assert_ledger_is_clean()


@pytest.mark.race
def test_one_id_sent_at_once_is_replayed_whichever_key_is_looked_at_first(scratch_db: str) -> None:
    """A restored database may have its keys in another order, and looks at the sequence before the id."""
    change("alter table ledger_answer drop constraint ledger_answer_pkey")
    change("alter table ledger_answer add primary key (id)")
    shop = open_shop()
    held = shop.card(balance=10_000)
    request, tap = shop.request(), held.tap()

    results = together([spend(request, tap)] * 20)

    assert outcomes(results) == {"approved": 1, "approved again": 19}
    with pytest.raises(SequenceReused):
        redeem(shop.request(sequence=request.sequence), held.tap(), Money(1, "CNY"))
    assert_ledger_is_clean()


def test_application_s_temporary_tables_do_not_stand_in_for_the_ledger(scratch_db: str) -> None:
    """A session's temporary tables come first in a search path that does not name them."""
    shop = open_shop()
    held = shop.card(balance=10_000)
    with connection.cursor() as cursor:
        for table in SHADOWED:
            cursor.execute(f"create temporary table {table} (like public.{table} including defaults)")
            cursor.execute(f"grant all on pg_temp.{table} to public")

    answers = [shop.load_at_desk(held, 500), shop.redeem(held, 100)]

    assert [answer.approved for answer in answers] == [True, True]
    with connection.cursor() as cursor:
        for table in SHADOWED:
            cursor.execute(f"select count(*) from pg_temp.{table}")
            assert cursor.fetchone() == (0,), table
            cursor.execute(f"drop table pg_temp.{table}")
    assert [str(finding) for finding in audit()] == []


@pytest.mark.parametrize("kind", ["load", "redeem", "hold"])
def test_card_of_another_currency_than_the_store_s_is_declined(kind: str, scratch_db: str) -> None:
    """The store has no accounts in that currency, so that its transfers would name none."""
    shop = open_shop(currency="USD")
    held = shop.card()
    amount = Money(100, "USD")
    before = figures()

    if kind == "load":
        answer = load(shop.request(), held.tap(), amount, tender="cash")
    elif kind == "redeem":
        answer = redeem(shop.request(), held.tap(), amount)
    else:
        answer = hold(shop.request(), held.tap(), amount, expires_at=shop.at + timedelta(hours=1))

    assert (answer.reason, figures()) == ("currency_mismatch", before)
    assert_ledger_is_clean()


@pytest.mark.parametrize("kind", ["load", "redeem", "hold"])
def test_account_keeps_its_currency_when_its_program_changes_it(kind: str) -> None:
    shop = open_shop()
    held = shop.card(balance=10_000)
    open_general_accounts(owner_id=shop.store.id, currency="USD")
    shop.store.currency = shop.program.currency = "USD"
    shop.program.save()
    before = figures()

    asked: dict[str, Callable[[HeldCard, int], Answer]] = {
        "load": shop.load,
        "redeem": shop.redeem,
        "hold": partial(place, shop),
    }
    answer = asked[kind](held, 100)

    assert (answer.reason, figures()) == ("currency_mismatch", before)
    assert ProgramAdmin(Program, site).get_readonly_fields(RequestFactory().get("/"), shop.program) == (
        "code",
        "currency",
    )


def place(shop: Shop, held: HeldCard, amount: int) -> Answer:
    later = shop.at + timedelta(hours=1)
    return hold(shop.request(), held.tap(), Money(amount, shop.program.currency), expires_at=later)


@pytest.mark.parametrize("kind", ["of another currency", "a card holder's"])
def test_audit_names_a_transfer_from_the_wrong_kind_of_account(kind: str, scratch_db: str) -> None:
    """What only the application's role itself could ask for: where the money came from is forged."""
    shop = open_shop()
    held, robbed = shop.card(), shop.card(balance=1_000)
    source = robbed.account_id if kind == "a card holder's" else uuid7()
    request, desk = shop.request(), at_the_desk(held.card.id)
    with connection.cursor() as cursor:
        currency = "CNY" if source == robbed.account_id else "USD"
        cursor.execute(
            "select ledger_open_general_account(%s, 'cash', %s, %s)", [source, shop.store.id, currency]
        )

    answer = calls.transact(
        "stored_value_load",
        request,
        [*calls.presented_values(desk), 999, "CNY", "cash", "", source, None, None, None],
        placeholders=f"{calls.PRESENTED}, %s::bigint, %s::text, %s::text, %s::text, %s::uuid, "
        "%s::bytea, %s::bigint, %s::text",
    )

    assert answer.approved
    (finding,) = audit()
    assert finding.invariant == "transfer_names_accounts_that_exist"
    assert finding.key == f"{held.account_id}/1/1"


def test_hold_counts_against_the_limit_of_the_day() -> None:
    shop = open_shop(redeem_day_max=1_000)
    held = shop.card(balance=10_000)

    assert place(shop, held, 1_001).reason == "limit_day"
    first = place(shop, held, 600)
    assert first.approved
    assert place(shop, held, 401).reason == "limit_day"
    assert capture(shop.request(), first.id, Money(600, "CNY")).approved
    assert place(shop, held, 401).reason == "limit_day"
    assert place(shop, held, 400).approved
    assert shop.redeem(held, 401).reason == "limit_day"
    assert_ledger_is_clean()


def test_refused_void_tells_no_balance(shop: Shop, held: HeldCard) -> None:
    """A void shows no card, so that it tells a balance only where it moved something or funds were short."""
    original = shop.redeem(held, 100)
    shop.terminal.closed_through_sequence = original.sequence or 0

    answer = shop.void(original.id)

    assert answer.reason == "original_not_reversible"
    assert (answer.balance_minor, answer.available_minor) == (None, None)


def test_void_of_an_undone_one_of_a_closed_batch_gives_the_earlier_reason(shop: Shop, held: HeldCard) -> None:
    original = shop.redeem(held, 100)
    shop.void(original.id)
    shop.terminal.closed_through_sequence = original.sequence or 0
    before = figures()

    answers = [shop.void(original.id), shop.reverse(original.id)]

    assert [answer.reason for answer in answers] == ["original_not_reversible", None]
    assert figures() == before


def test_till_of_another_store_learns_nothing_of_a_declined_original(shop: Shop, held: HeldCard) -> None:
    declined = shop.redeem(held, 99_999)
    elsewhere = open_shop()

    answer = elsewhere.void(declined.id, origin=elsewhere.counter, sequence=None)

    assert (answer.outcome, answer.last_four, answer.program_code) == ("declined", None, None)
