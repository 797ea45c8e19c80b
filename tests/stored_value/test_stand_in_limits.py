"""Advices beside the limits of a program: counted for everyone who is counted, and never declined."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection

from prepaid.cards.models import Account, Holder
from prepaid.cards.presentation import Presentation
from tests.offline import LIMITS, advise, allow, told_of
from tests.shop import HeldCard, assert_ledger_is_clean, open_shop

pytestmark = pytest.mark.usefixtures("committed_db")


def counted(kind: str, subject: UUID) -> int:
    """What a counter says was spent today. Minor units."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select redeemed_today from ledger_counter where kind = %s and subject = uuid_send(%s)",
            [kind, subject],
        )
        return int(cursor.fetchone()[0])


def held_by(*cards: HeldCard) -> UUID:
    """Give cards to one new holder."""
    holder = Holder.objects.create(name="Mei")
    Account.objects.filter(pk__in=[held.card.account_id for held in cards]).update(holder=holder)
    return holder.id


def test_advice_counts_for_the_account_and_for_its_holder() -> None:
    shop = open_shop(holder_redeem_day_max=1_000, redeem_day_max=1_500)
    one, other = shop.card(balance=5_000), shop.card(balance=5_000)
    holder, grant = held_by(one, other), allow(shop)

    assert advise(shop, one, 900, grant).approved

    assert (counted("holder", holder), one.row("redeemed_today")) == (900, 900)
    assert shop.redeem(other, 101).reason == "limit_day"
    assert shop.redeem(other, 100).approved
    assert_ledger_is_clean()


def test_advice_over_the_holder_s_limit_is_recorded_and_counted() -> None:
    shop = open_shop(holder_redeem_day_max=1_000)
    held = shop.card(balance=5_000)
    holder, grant = held_by(held), allow(shop)

    assert advise(shop, held, 800, grant).approved
    assert advise(shop, held, 800, grant).approved

    assert (counted("holder", holder), held.balance()) == (1_600, 3_400)
    assert shop.redeem(held, 1).reason == "limit_day"
    assert_ledger_is_clean()


def test_advice_with_a_bare_uid_counts_against_what_uids_may_spend() -> None:
    shop = open_shop(allowed_credentials=["uid"], low_trust_day_max=500)
    held = shop.card(balance=5_000, method="uid")
    uid = Presentation("uid", lookup=bytes(held.credential.lookup))
    grant = allow(shop)

    assert advise(shop, held, 400, grant, presentation=uid).approved

    assert counted("low_trust", held.card.account_id) == 400
    assert_ledger_is_clean()


@pytest.mark.parametrize(("amount", "findings"), [(1_000, []), (1_001, ["over_grant"])])
def test_advice_above_the_floor_of_the_challenge_is_told(amount: int, findings: list[str]) -> None:
    shop = open_shop(challenge_above=1_000)
    held = shop.card(balance=5_000)

    answer = advise(shop, held, amount, allow(shop, LIMITS))

    assert (answer.approved, told_of(answer.id)) == (True, (findings, None, 0))
    assert_ledger_is_clean()
