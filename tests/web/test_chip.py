"""A blank chip at the counter: the form awaits it, the terminal writes it, the page tells how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from prepaid.cards.models import Card, CardEvent, Personalisation
from prepaid.cards.personalise import STEPS
from prepaid.identifiers import uuid7
from prepaid.stores.models import Till
from terminals import card_steps
from terminals.conversations import meet
from terminals.errors import Refused
from terminals.readers import ReaderError
from terminals.simulator.device import Injected
from tests import cardtable
from tests.api.conftest import Till as Agent
from tests.cardtable import Chip, chip_of, fresh_idm, fresh_uid
from tests.shop import assert_ledger_is_clean, open_shop
from tests.web.conftest import Desk, open_desk


class Place:
    """A cashier's browser, and the reader of the terminal beside it."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk = desk
        self.table = cardtable.open_desk(Agent(shop=desk.shop), folder)
        self.client = desk.client()

    def blank(self, technology: str = "ntag424") -> Chip:
        if technology == "felica_lite_s":
            return self.table.felica_blank(fresh_idm())
        return (
            self.table.desfire_blank(fresh_uid())
            if technology == "desfire"
            else self.table.blank(fresh_uid())
        )

    def issue(self, **fields: Any) -> UUID:
        card_id = uuid7()
        asked = {"card_id": card_id, "load_id": uuid7(), "medium": "blank", "amount": "50"}
        page = self.client.post("/cards/new", asked | {"program": self.desk.shop.program.code} | fields)
        assert page.status_code == 200, page.content.decode()
        assert 'data-state="waiting"' in page.content.decode()
        return card_id

    def lay(self, chip: Chip, faults: dict[int, Injected] | None = None) -> card_steps.CardStep:
        tap = self.table.lay(chip)
        self.table.faults(faults or {})
        step = meet(self.table.site, self.table.table.reader, tap)
        assert isinstance(step, card_steps.CardStep)
        return step

    def page(self, card_id: UUID) -> str:
        return self.client.get(f"/cards/{card_id}/chip").content.decode()

    def ask(self, card_id: UUID, *, told: str = "", beside: str = "/cards/new") -> Any:
        """Ask as the page does by itself."""
        headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{beside}"}
        return self.client.get(f"/cards/{card_id}/chip", {"told": told}, headers=headers)


@pytest.fixture
def place(db: None, tmp_path: Path) -> Iterator[Place]:
    made = Place(open_desk(), tmp_path)
    yield made
    made.table.table.reader.close()
    made.table.table.counters.close()


@pytest.mark.parametrize("technology", STEPS)
def test_blank_laid_down_after_the_issue_becomes_the_card(place: Place, technology: str) -> None:
    card_id, chip = place.issue(), place.blank(technology)

    step = place.lay(chip)

    assert step.card is not None
    assert step.card.number_masked == Card.objects.get(pk=card_id).number_masked
    intent = Personalisation.objects.get(card_id=card_id)
    assert (intent.state, intent.step, intent.technology) == ("done", STEPS[technology], technology)
    assert 'data-state="done"' in place.page(card_id)
    assert f'href="/counter/{card_id}"' in place.ask(card_id).content.decode()
    assert place.ask(card_id, beside=f"/cards/{card_id}/chip")["HX-Redirect"] == f"/counter/{card_id}"
    paid = place.table.redeem(place.table.present(chip, 1250, None))
    assert (paid["outcome"], paid["balance"]) == ("approved", 3_750)
    assert_ledger_is_clean()


def test_blank_taken_away_too_early_is_asked_for_and_finished(place: Place) -> None:
    card_id, chip = place.issue(), place.blank()
    for frame in (4, 30):
        with pytest.raises(ReaderError, match="NFC-RF-01"):
            place.lay(chip, {frame: Injected.TEAR_AFTER})
        assert 'data-state="writing"' in place.page(card_id)
        Personalisation.objects.filter(card_id=card_id).update(step_at=timezone.now() - timedelta(seconds=4))
        page = place.page(card_id)
        assert "Taken away too early: put it back" in page
        assert f"of {STEPS['ntag424']}<" in page
    assert chip_of(card_id) is None

    place.lay(chip)

    assert 'data-state="done"' in place.page(card_id)
    assert chip_of(card_id) is not None


def await_at_another_terminal(place: Place) -> UUID:
    card_id, elsewhere = place.issue(), open_shop()
    Personalisation.objects.filter(card_id=card_id).update(terminal_id=elsewhere.terminal.id)
    return card_id


def await_too_long(place: Place) -> UUID:
    card_id = place.issue()
    Personalisation.objects.filter(card_id=card_id).update(awaited_until=timezone.now())
    assert "No blank is awaited" in place.page(card_id)
    return card_id


def be_served(place: Place) -> UUID:
    first = place.issue()
    place.issue()
    place.lay(place.blank())
    return first


@pytest.mark.parametrize(
    "prepare",
    [lambda place: place.desk.issue().card.id, await_at_another_terminal, await_too_long, be_served],
)
def test_blank_that_nobody_awaits_here_is_left_as_it_is(place: Place, prepare: Any) -> None:
    card_id, chip = prepare(place), place.table.blank(fresh_uid())

    with pytest.raises(Refused) as refused:
        place.lay(chip)

    assert refused.value.code == "card_unknown"
    assert set(chip.versions.values()) == {0}
    assert chip_of(card_id) is None


def test_card_given_up_for_another_is_awaited_again_on_demand(place: Place) -> None:
    first, second = place.issue(), place.issue()

    again = place.client.post(f"/cards/{first}/chip")
    asked = CardEvent.objects.filter(card=first, change="personalise")
    assert [event.actor for event in asked] == [place.desk.staff.code] * 2
    place.lay(place.blank())

    assert again["Location"] == f"/cards/{first}/chip"
    assert (chip_of(first) is not None, chip_of(second)) == (True, None)


def test_foreign_chip_is_refused_and_the_next_blank_is_taken(place: Place) -> None:
    card_id, foreign = place.issue(), place.table.blank(fresh_uid())
    foreign.keys[0] = bytes(range(16))

    with pytest.raises(Refused, match="NFC-CARD-01"):
        place.lay(foreign)

    page = place.page(card_id)
    assert 'data-state="foreign"' in page
    assert "This is no blank of ours" in page
    place.lay(place.blank())
    assert 'data-state="done"' in place.page(card_id)


def test_page_that_knows_how_far_it_is_is_left_alone(place: Place) -> None:
    card_id = place.issue()

    assert place.ask(card_id, told="waiting-0").status_code == 204
    assert b'data-state="waiting"' in place.ask(card_id, told="writing-3").content


def without_a_chip(place: Place, card_id: UUID) -> None:
    program = Card.objects.get(pk=card_id).program
    program.allowed_credentials = ["number", "qr"]
    program.save()


def unpaired(place: Place, card_id: UUID) -> None:
    Till.objects.update(terminal=None)


def long_ago(place: Place, card_id: UUID) -> None:
    Card.objects.filter(pk=card_id).update(issued_at=timezone.now() - timedelta(days=3))


def with_its_chip(place: Place, card_id: UUID) -> None:
    assert place.client.post(f"/cards/{card_id}/chip").status_code == 302
    place.lay(place.blank())


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (without_a_chip, "Cards of this program have no chip."),
        (unpaired, "This till has no terminal"),
        (long_ago, "This card can get no chip now."),
        (with_its_chip, "This card has its chip already."),
    ],
)
def test_card_that_may_get_no_chip_awaits_none(place: Place, prepare: Any, said: str) -> None:
    card_id = place.desk.issue().card.id
    prepare(place, card_id)

    page = place.client.post(f"/cards/{card_id}/chip")

    assert page.status_code == 422
    assert said in page.content.decode()
    assert not Personalisation.objects.filter(card_id=card_id).exclude(state="done").exists()


def test_program_without_chips_issues_none_for_a_blank(place: Place) -> None:
    without_a_chip(place, place.desk.issue().card.id)
    before = Card.objects.count()

    asked = {
        "card_id": uuid7(),
        "load_id": uuid7(),
        "medium": "blank",
        "program": place.desk.shop.program.code,
    }
    page = place.client.post("/cards/new", asked)

    assert page.status_code == 422
    assert "Cards of this program have no chip." in page.content.decode()
    assert Card.objects.count() == before


def test_nobody_without_a_till_awaits_a_blank(place: Place) -> None:
    assert Client().post(f"/cards/{uuid7()}/chip").status_code == 302
    assert place.client.get(f"/cards/{uuid7()}/chip").status_code == 404
