"""The states of a card: the table, each change with its event, and what the table does not allow."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from prepaid.cards import lifecycle
from prepaid.cards.errors import CardNotFound, ChangeRefused
from prepaid.cards.lifecycle import RULES, change_state, list_changes
from prepaid.cards.models import Card, CardEvent
from prepaid.identifiers import uuid7
from tests.shop import NOON, open_shop, together
from tests.stored_value.people import may_unblock

CHANGES = (
    "activate", "block", "unblock", "report_lost", "recover", "replace", "exchange", "set_pin", "reassign",
    "close", "reopen",
)  # fmt: skip
# For each state, what the card is after each change, or None where the change is refused.
AFTERWARDS: dict[str, tuple[str | None, ...]] = {
    "issued": ("active", None, None, "lost", None, None, None, "issued", None, "closed", None),
    "active": (None, "blocked", None, "lost", None, "closed", "closed", "active", "active", "closed", None),
    "blocked": (None, None, "active", "lost", None, None, None, None, None, "closed", None),
    "lost": (None, None, None, None, "active", "closed", None, None, None, "closed", None),
    "closed": (None, None, None, None, None, "closed", None, None, None, None, "active"),
}
TABLE = {before: dict(zip(CHANGES, row, strict=True)) for before, row in AFTERWARDS.items()}
CASES = [(before, change, after) for before, row in TABLE.items() for change, after in row.items()]


def make_card(state: str) -> Card:
    return open_shop().card(state=state).card


def change(card: Card, name: Any) -> CardEvent:
    return change_state(card.id, name, actor="manager", at=NOON, reason="asked at the counter")


def test_table_names_every_state_and_change() -> None:
    assert set(TABLE) == set(Card.State.values)
    assert tuple(rule.change for rule in RULES) == CHANGES


def test_table_in_the_docs_is_the_one_in_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs/architecture.md").read_text()
    section = text.partition("## The life of a card")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| ([\w ]+) \|", section, flags=re.MULTILINE)
    assert rows == [(rule.change, ", ".join(rule.before), rule.after or "stays") for rule in RULES]


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "name", "after"), [case for case in CASES if case[2]])
def test_change_that_the_table_allows_is_made_and_recorded(before: str, name: str, after: str) -> None:
    shop = open_shop()
    card = shop.card(state=before).card
    if name == "unblock":
        may_unblock(shop, card.id)

    event = change(card, name)

    card.refresh_from_db()
    assert card.state == after
    stored = CardEvent.objects.get(card=card)
    assert stored == event
    assert stored.change == name
    assert (stored.from_state, stored.to_state, stored.reason, stored.actor, stored.at) == (
        before,
        after,
        "asked at the counter",
        "manager",
        NOON,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "name"), [case[:2] for case in CASES if not case[2]])
def test_change_that_the_table_does_not_allow_changes_nothing(before: str, name: str) -> None:
    card = make_card(before)

    with pytest.raises(ChangeRefused) as refused:
        change(card, name)

    assert (refused.value.state, refused.value.change) == (before, name)
    card.refresh_from_db()
    assert card.state == before
    assert not CardEvent.objects.filter(card=card).exists()


@pytest.mark.django_db
def test_card_that_does_not_exist_is_not_found() -> None:
    nobody = uuid7()

    with pytest.raises(CardNotFound):
        change_state(nobody, "block", actor="manager", at=NOON)

    assert not CardEvent.objects.filter(card_id=nobody).exists()


@pytest.mark.parametrize("state", Card.State.values)
def test_changes_that_a_screen_may_offer_are_those_of_the_table(state: str) -> None:
    assert list_changes(state) == [name for name, after in TABLE[state].items() if after]


@pytest.mark.django_db
def test_issue_is_the_first_event_of_a_card() -> None:
    card = make_card("issued")

    event = lifecycle.record_issue(card, actor="cashier")

    assert (event.from_state, event.to_state, event.actor) == ("", "issued", "cashier")
    assert event.at == card.issued_at


def test_events_are_never_changed(owner: psycopg.Connection[tuple[object, ...]]) -> None:
    event = change(make_card("active"), "block")

    for statement in (
        "update cards_cardevent set reason = 'another' where id = %s",
        "delete from cards_cardevent where id = %s",
    ):
        with pytest.raises(psycopg.Error, match="append-only") as refused:
            owner.execute(statement, [event.id])
        assert refused.value.sqlstate == "PC900"
    assert CardEvent.objects.get(pk=event.pk).reason == "asked at the counter"


def race_to_block(card: Card) -> list[Any]:
    calls: list[Any] = [lambda: change(card, "block")] * 20
    return together(calls)


@pytest.mark.race
def test_of_twenty_that_block_a_card_at_once_one_does(committed_db: None) -> None:
    card = make_card("active")

    results = race_to_block(card)

    assert Counter(type(result).__name__ for result in results) == {"CardEvent": 1, "ChangeRefused": 19}
    assert CardEvent.objects.filter(card=card).count() == 1


@pytest.mark.race
def test_without_the_condition_more_than_one_blocks_the_card(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = "and before.state = any (%(states)s)"
    assert guard in lifecycle._CHANGE
    monkeypatch.setattr(lifecycle, "_CHANGE", lifecycle._CHANGE.replace(guard, ""))
    card = make_card("active")

    race_to_block(card)

    assert CardEvent.objects.filter(card=card).count() > 1
    connection.close()
