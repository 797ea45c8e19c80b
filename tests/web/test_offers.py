"""The office's offers: made by a manager, checked whole, ended once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from prepaid.cards.models import Offer
from prepaid.reports.periods import latest_business_date
from tests.web.conftest import Desk, open_desk


@pytest.fixture
def manager(db: None) -> Desk:
    return open_desk(role="manager")


def asked(desk: Desk, **changed: Any) -> dict[str, Any]:
    today = latest_business_date([desk.shop.store], timezone.now())
    return {
        "program": desk.shop.program.code,
        "code": f"a{desk.shop.store.code[:12]}",
        "name": "Autumn",
        "pay_min": "500",
        "bonus": "50.50",
        "instalments": "1",
        "interval": "month",
        "starts_on": today.isoformat(),
    } | changed


def test_offer_that_is_made_is_given_with_the_next_top_up(manager: Desk) -> None:
    client = manager.client()

    answer = client.post("/office/offers/new", asked(manager, stores=[manager.shop.store.code]), follow=True)

    made = Offer.objects.get(program=manager.shop.program)
    assert (made.pay_min, made.bonus, made.store_ids) == (50_000, 5_050, [manager.shop.store.id])
    assert (made.code, made.made_by) == (f"A{manager.shop.store.code[:12].upper()}", manager.staff.code)
    page = answer.content.decode()
    assert "The offer Autumn is made." in page
    assert "Top up ¥500.00, get <b>¥50.50</b>" in page
    card = manager.issue()
    manager.load(card, 50_000)
    assert manager.figures(card)[0] == 55_050


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no amount": ({"pay_min": "many"}, "pay_min", "Type an amount"),
    "no bonus": ({"bonus": "0"}, "bonus", "Type an amount"),
    "too fine an amount": ({"bonus": "0.001"}, "bonus", "Type an amount"),
    "parts of nothing": ({"bonus": "0.05", "instalments": "6"}, "instalments", "too small"),
    "no parts": ({"instalments": "0"}, "instalments", "greater than or equal to 1"),
    "too many parts": ({"instalments": "61"}, "instalments", "less than or equal to 60"),
    "ends before it starts": ({"ends_on": "2020-01-01"}, "ends_on", "The first day is after the last."),
    "no date": ({"starts_on": "tomorrow"}, "starts_on", "Enter a valid date."),
    "a code with spaces": ({"code": "AU TUMN"}, "code", "letters, digits and hyphens"),
    "no name": ({"name": ""}, "name", "This field is required."),
    "an unknown store": ({"stores": ["NOWHERE"]}, "stores", "Select a valid choice"),
    "good for no day": ({"bonus_valid_days": "0"}, "bonus_valid_days", "greater than or equal to 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_offer_that_does_not_hold_together_is_refused(manager: Desk, name: str) -> None:
    changed, field, said = REFUSED[name]

    answer = manager.client().post("/office/offers/new", asked(manager, **changed))

    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert said in str(form.errors[field])
    assert not Offer.objects.filter(program=manager.shop.program).exists()


def test_code_is_used_once(manager: Desk) -> None:
    client = manager.client()
    client.post("/office/offers/new", asked(manager))

    again = client.post("/office/offers/new", asked(manager, code=asked(manager)["code"].lower()))

    assert again.status_code == 422
    assert "Another offer has this code." in again.content.decode()
    assert Offer.objects.filter(program=manager.shop.program).count() == 1


def test_offer_is_ended_once_and_earns_no_more(manager: Desk) -> None:
    client = manager.client()
    client.post("/office/offers/new", asked(manager))
    offer = Offer.objects.get(program=manager.shop.program)

    first = client.post(f"/office/offers/{offer.id}/end", follow=True).content.decode()
    offer.refresh_from_db()
    ended_at = offer.ended_at
    second = client.post(f"/office/offers/{offer.id}/end", follow=True).content.decode()

    assert "Autumn is ended." in first
    assert "it was ended before" in second
    offer.refresh_from_db()
    assert (offer.ended_at, offer.ended_by) == (ended_at, manager.staff.code)
    card = manager.issue()
    manager.load(card, 50_000)
    assert manager.figures(card)[0] == 50_000


@pytest.mark.parametrize("path", ["/office/offers", "/office/offers/new"])
def test_offers_are_for_managers(desk: Desk, path: str) -> None:
    assert desk.client().get(path).status_code == 403
    assert desk.client().post("/office/offers/new", asked(desk)).status_code == 403
    assert not Offer.objects.filter(program=desk.shop.program).exists()


@pytest.mark.parametrize("change", [{"bonus": 1}, {"ended_by": "me"}, {"starts_on": "2020-01-01"}, None])
def test_terms_never_change_even_behind_the_screens(manager: Desk, change: dict[str, Any] | None) -> None:
    offer = manager.shop.offer(100, 10)

    def attempt() -> None:
        with transaction.atomic():
            if change is None:
                offer.delete()
            else:
                Offer.objects.filter(pk=offer.pk).update(**change)

    with pytest.raises(DatabaseError, match="only ended, once"):
        attempt()
