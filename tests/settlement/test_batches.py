"""Closing a batch: compared once, repeated for ever, never adjusted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from prepaid.money import VISITS
from prepaid.settlement.batches import close_batch
from prepaid.settlement.errors import BatchOverlaps, BatchRangeInvalid, BatchReused
from prepaid.settlement.models import Batch, SettlementException
from prepaid.settlement.reconcile import compare_batches
from terminals.messages import BatchAnswer, BatchClose, TransactionType, TypeTotal
from tests.shop import NOON, HeldCard, Shop, figures, together

LATER = NOON + timedelta(minutes=5)


def totals(**by_type: tuple[int, int]) -> dict[TransactionType, TypeTotal]:
    return {
        cast(TransactionType, kind): TypeTotal(count=count, amount=amount)
        for kind, (count, amount) in by_type.items()
    }


def close(shop: Shop, first: int, last: int, **by_type: tuple[int, int]) -> BatchAnswer:
    message = BatchClose(first_sequence=first, last_sequence=last, totals=totals(**by_type))
    return close_batch(shop.terminal, message, at=LATER)


@pytest.fixture
def held(shop: Shop) -> HeldCard:
    """A card with 100.00 (sequence 1), 36.50 redeemed (2), 10.00 redeemed (3), and that voided (4)."""
    held = shop.card(balance=10_000)
    shop.redeem(held, 3_650)
    undone = shop.redeem(held, 1_000)
    shop.void(undone.id)
    return held


RIGHT = {"load": (1, 10_000), "redeem": (2, 4_650), "void": (1, 1_000)}


def test_bonus_is_no_part_of_a_batch(shop: Shop) -> None:
    shop.offer(10_000, 900, instalments=3)
    held = shop.card(balance=10_000)
    loaded = shop.load(held, 10_000)
    shop.void(loaded.id)

    answer = close(shop, 1, 3, load=(2, 20_000), void=(1, 10_000))

    assert (answer.balanced, answer.missing_sequences, answer.differences) == (True, [], {})
    assert held.balance() == 10_300


def test_batch_that_agrees_is_balanced(shop: Shop, held: HeldCard) -> None:
    answer = close(shop, 1, 4, **RIGHT)

    batch = Batch.objects.get(id=answer.batch)
    assert (answer.balanced, answer.missing_sequences, answer.differences) == (True, [], {})
    assert batch.totals_counted == {
        "load": {"count": 1, "amount": 10_000},
        "redeem": {"count": 2, "amount": 4_650},
        "void": {"count": 1, "amount": 1_000},
    }
    assert str(batch.business_date) == "2026-11-23"
    shop.terminal.refresh_from_db()
    assert shop.terminal.closed_through_sequence == 4
    assert not SettlementException.objects.exists()


def test_declines_are_not_counted(shop: Shop, held: HeldCard) -> None:
    assert not shop.redeem(held, 999_999).approved

    assert close(shop, 1, 5, **RIGHT).balanced


def test_difference_is_told_from_both_sides_and_adjusts_nothing(shop: Shop, held: HeldCard) -> None:
    before = figures()

    answer = close(shop, 1, 4, load=(1, 10_000), redeem=(1, 3_650))

    assert not answer.balanced
    assert answer.differences == {
        "redeem": {"terminal": {"count": 1, "amount": 3_650}, "site": {"count": 2, "amount": 4_650}},
        "void": {"terminal": {"count": 0, "amount": 0}, "site": {"count": 1, "amount": 1_000}},
    }
    assert figures() == before
    exception = SettlementException.objects.get()
    assert (exception.kind, exception.subject, exception.key) == (
        "batch_difference",
        "batch",
        str(answer.batch),
    )
    assert exception.found == (
        f"{shop.store.code} T1 1-4: redeem: terminal 1 of ¥36.50, site 2 of ¥46.50; "
        "void: terminal 0 of ¥0.00, site 1 of ¥10.00"
    )


def test_repeat_gives_the_stored_answer_even_when_more_has_arrived(shop: Shop, held: HeldCard) -> None:
    first = close(shop, 1, 5, **RIGHT)
    shop.redeem(held, 100)  # sequence 5, late

    assert close(shop, 1, 5, **RIGHT) == first
    assert Batch.objects.count() == 1


def test_closed_range_told_with_other_totals_is_refused(shop: Shop, held: HeldCard) -> None:
    first = close(shop, 1, 4, **RIGHT)

    with pytest.raises(BatchReused):
        close(shop, 1, 4, load=(1, 10_000), redeem=(2, 4_651), void=(1, 1_000))

    assert close(shop, 1, 4, **RIGHT) == first
    exception = SettlementException.objects.get()
    assert exception.kind == "batch_told_again"
    assert exception.detail["told"] == {
        "redeem": {"then": {"count": 2, "amount": 4_650}, "now": {"count": 2, "amount": 4_651}}
    }


@pytest.mark.parametrize(("first", "last"), [(1, 3), (1, 5), (2, 4), (4, 4), (4, 9)])
def test_range_that_overlaps_a_closed_one_is_refused(
    shop: Shop, held: HeldCard, first: int, last: int
) -> None:
    close(shop, 1, 4, **RIGHT)

    with pytest.raises(BatchOverlaps) as caught:
        close(shop, first, last)

    assert caught.value.closed_through_sequence == 4
    assert Batch.objects.count() == 1
    shop.terminal.refresh_from_db()
    assert shop.terminal.closed_through_sequence == 4


def test_range_that_ends_before_it_begins_is_refused(shop: Shop) -> None:
    with pytest.raises(BatchRangeInvalid):
        close(shop, 5, 4)
    assert not Batch.objects.exists()


def test_missing_sequences_are_listed_and_money_may_agree_all_the_same(shop: Shop, held: HeldCard) -> None:
    shop.sequence = 7
    shop.redeem(held, 200)  # sequence 8

    answer = close(shop, 1, 9, load=(1, 10_000), redeem=(3, 4_850), void=(1, 1_000))

    assert (answer.balanced, answer.missing_sequences) == (True, [5, 6, 7, 9])
    exception = SettlementException.objects.get()
    assert (exception.kind, exception.severity) == ("batch_missing_sequences", "warning")
    assert exception.detail["missing"] == [5, 6, 7, 9]


def test_reversal_of_what_never_arrived_explains_its_missing_sequence(shop: Shop, held: HeldCard) -> None:
    never_arrived = shop.request()  # takes sequence 5
    assert shop.reverse(never_arrived.id).approved

    answer = close(shop, 1, 6, reversal=(1, 0), **RIGHT)

    assert (answer.balanced, answer.missing_sequences) == (True, [5])
    assert not SettlementException.objects.exists()


def test_list_of_missing_sequences_is_bounded_however_long_the_range(shop: Shop, held: HeldCard) -> None:
    answer = close(shop, 1, 2**53, **RIGHT)

    assert answer.missing_sequences == list(range(5, 1005))
    assert Batch.objects.get().missing_count == 2**53 - 4


def test_late_answer_makes_a_balanced_batch_differ(shop: Shop, held: HeldCard) -> None:
    close(shop, 1, 5, **RIGHT)
    shop.redeem(held, 100)  # sequence 5

    summary = compare_batches(LATER)

    found = {exception.kind: exception for exception in summary.open}
    assert set(found) == {"batch_difference", "batch_missing_sequences"}
    assert found["batch_difference"].detail["differences"] == {
        "redeem": {"terminal": {"count": 2, "amount": 4_650}, "site": {"count": 3, "amount": 4_750}}
    }


def test_difference_that_a_late_answer_mends_is_no_longer_found_but_kept(shop: Shop, held: HeldCard) -> None:
    close(shop, 1, 5, load=(1, 10_000), redeem=(3, 4_750), void=(1, 1_000))
    assert SettlementException.objects.filter(vanished_at=None).count() == 2
    shop.redeem(held, 100)  # sequence 5

    summary = compare_batches(LATER + timedelta(minutes=1))

    assert (summary.vanished, summary.is_clean) == (2, True)
    assert SettlementException.objects.filter(resolved_at=None).count() == 2


def test_void_after_the_batch_is_refused(shop: Shop, held: HeldCard) -> None:
    spent = shop.redeem(held, 500)
    close(shop, 1, 5, load=(1, 10_000), redeem=(3, 5_150), void=(1, 1_000))
    shop.terminal.refresh_from_db()

    assert shop.void(spent.id).reason == "original_not_reversible"


def test_transactions_that_batches_pass_over_are_named(shop: Shop, held: HeldCard) -> None:
    close(shop, 3, 4, redeem=(1, 1_000), void=(1, 1_000))

    summary = compare_batches(LATER)

    (exception,) = summary.open
    assert (exception.kind, exception.key) == ("answers_outside_batches", str(shop.terminal.id))
    assert exception.detail["count"] == 2


@pytest.mark.race
def test_batch_told_by_many_at_once_is_closed_once(shop: Shop, held: HeldCard) -> None:
    def tell() -> Any:
        return close(shop, 1, 4, **RIGHT)

    answers = together([tell] * 8)

    assert len({str(answer) for answer in answers}) == 1
    assert Batch.objects.count() == 1


def test_units_are_counted_in_a_batch_and_never_added_to_its_money(shop: Shop, held: HeldCard) -> None:
    shop.program.currency = VISITS
    shop.program.save()
    passed = shop.card()
    assert shop.load(passed, 10).approved
    assert shop.void(shop.redeem(passed, 1).id).approved

    answer = close(shop, 1, 7, load=(2, 10_000), redeem=(3, 4_650), void=(2, 1_000))

    assert answer.balanced
