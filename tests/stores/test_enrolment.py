"""Enrolment of terminals: a code is good once and for 15 minutes; names and tills are given out in order."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from prepaid.keys import site_keys
from prepaid.stores import enrolment
from prepaid.stores.enrolment import create_code, enrol
from prepaid.stores.errors import EnrolmentRefused, TerminalNameTaken
from prepaid.stores.models import Enrolment, Store, Terminal, Till
from tests.shop import NOON, together

KEY = bytes(range(32))


def make_store(*tills: str) -> Store:
    """Make a store that no other test has, with tills that no terminal is paired with."""
    store = Store.objects.create(code=f"E{os.urandom(6).hex()}", name="Riverside", currency="CNY")
    Till.objects.bulk_create([Till(store=store, name=name) for name in tills])
    return store


def use(code: str, **changed: Any) -> Terminal:
    values: dict[str, Any] = {"agent_version": "0.1.0", "platform": "Linux", "at": NOON}
    return enrol(code, KEY, **values | changed)


def assert_nothing_enrolled(store: Store) -> None:
    assert not Terminal.objects.filter(store=store).exists()
    assert not Till.objects.filter(store=store).exclude(terminal=None).exists()


@pytest.mark.django_db
def test_code_is_ten_unambiguous_letters_and_good_for_fifteen_minutes() -> None:
    code, expires_at = create_code(make_store(), at=NOON)

    assert re.fullmatch(f"[{enrolment.LETTERS}]{{5}}-[{enrolment.LETTERS}]{{5}}", code)
    assert not set(enrolment.LETTERS) & set("IOLSZB01258")
    assert expires_at == NOON + timedelta(minutes=15)


@pytest.mark.django_db
def test_code_is_kept_as_a_keyed_hash_alone() -> None:
    store = make_store()
    code, _ = create_code(store, at=NOON)

    stored = Enrolment.objects.filter(store=store)
    assert bytes(stored.get().code_hash) == site_keys().enrolment_hash(code.replace("-", ""))
    assert code.replace("-", "") not in repr(stored.values().get())


@pytest.mark.django_db
def test_code_makes_an_active_terminal_paired_with_the_first_free_till() -> None:
    store = make_store("Counter 2", "Counter 1")
    code, _ = create_code(store, at=NOON)

    terminal = use(code)

    assert (terminal.store, terminal.name, terminal.state) == (store, "T1", "active")
    assert bytes(terminal.public_key) == KEY
    assert (terminal.agent_version, terminal.platform, terminal.enrolled_at) == ("0.1.0", "Linux", NOON)
    assert Till.objects.get(terminal=terminal).name == "Counter 1"
    stored = Enrolment.objects.get(store=store)
    assert (stored.used_at, stored.terminal) == (NOON, terminal)


@pytest.mark.django_db
def test_terminals_are_named_and_paired_in_order_and_the_last_has_no_till() -> None:
    store = make_store("Counter 1", "Counter 2")

    made = [use(create_code(store, at=NOON)[0]) for _ in range(3)]

    assert [terminal.name for terminal in made] == ["T1", "T2", "T3"]
    assert [Till.objects.filter(terminal=terminal).count() for terminal in made] == [1, 1, 0]


@pytest.mark.django_db
def test_tills_of_other_stores_are_left_alone() -> None:
    other = make_store("Counter 1")

    use(create_code(make_store(), at=NOON)[0])

    assert_nothing_enrolled(other)


@pytest.mark.django_db
def test_standby_terminal_stands_by_and_takes_no_till() -> None:
    store = make_store("Counter 1")
    code, _ = create_code(store, standby=True, at=NOON)

    terminal = use(code)

    assert terminal.state == "standby"
    assert not Till.objects.exclude(terminal=None).filter(store=store).exists()


@pytest.mark.django_db
def test_terminal_gets_the_name_that_was_asked_for() -> None:
    store = make_store()

    assert use(create_code(store, name="Bar", at=NOON)[0]).name == "Bar"
    assert use(create_code(store, at=NOON)[0]).name == "T1"


@pytest.mark.django_db
def test_code_for_a_name_that_is_taken_is_not_made() -> None:
    store = make_store()
    use(create_code(store, name="Bar", at=NOON)[0])

    with pytest.raises(TerminalNameTaken):
        create_code(store, name="Bar", at=NOON)

    assert Enrolment.objects.filter(store=store).count() == 1


@pytest.mark.django_db
def test_name_taken_in_the_meantime_is_not_used_twice() -> None:
    store = make_store()
    codes = [create_code(store, name="Bar", at=NOON)[0] for _ in range(2)]

    assert [use(code).name for code in codes] == ["Bar", "T1"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed", ["{}", " {} \n", pytest.param("lower", id="lower case"), pytest.param("bare", id="no dash")]
)
def test_code_is_read_as_people_type_it(typed: str) -> None:
    code, _ = create_code(make_store(), at=NOON)
    ways = {"lower": code.lower(), "bare": code.replace("-", "")}

    assert use(ways.get(typed, typed.format(code))).name == "T1"


@pytest.mark.django_db
def test_used_code_is_refused_and_changes_nothing() -> None:
    store = make_store("Counter 1", "Counter 2")
    code, _ = create_code(store, at=NOON)
    use(code)

    with pytest.raises(EnrolmentRefused):
        use(code)

    assert Terminal.objects.filter(store=store).count() == 1
    assert Till.objects.filter(store=store).exclude(terminal=None).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "refused"), [(14.99, False), (15, True), (60, True)])
def test_code_is_refused_from_its_expiry_on(minutes: float, refused: bool) -> None:
    store = make_store()
    code, _ = create_code(store, at=NOON)
    later = NOON + timedelta(minutes=minutes)

    if not refused:
        assert use(code, at=later).enrolled_at == later
        return
    with pytest.raises(EnrolmentRefused):
        use(code, at=later)
    assert_nothing_enrolled(store)
    assert Enrolment.objects.get(store=store).used_at is None


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["", "AAAAA-AAAAA", "0" * 64, "码" * 10])
def test_unknown_code_is_refused_as_a_used_one(code: str) -> None:
    with pytest.raises(EnrolmentRefused) as refused:
        use(code)

    assert str(refused.value) == str(EnrolmentRefused())


@pytest.mark.django_db
@pytest.mark.parametrize("length", [0, 31, 33])
def test_key_of_another_length_is_refused_and_leaves_the_code_good(length: int) -> None:
    code, _ = create_code(make_store(), at=NOON)

    with pytest.raises(ValueError, match="a public key is 32 bytes"):
        enrol(code, bytes(length), agent_version="", platform="", at=NOON)

    assert use(code).name == "T1"


def race(code: str) -> Counter[str]:
    calls: list[Any] = [lambda: use(code)] * 8
    return Counter(type(result).__name__ for result in together(calls))


@pytest.mark.race
def test_of_eight_terminals_with_one_code_one_is_enrolled(committed_db: None) -> None:
    store = make_store("Counter 1", "Counter 2")
    code, _ = create_code(store, at=NOON)

    results = race(code)

    assert results == {"Terminal": 1, "EnrolmentRefused": 7}
    assert [terminal.name for terminal in Terminal.objects.filter(store=store)] == ["T1"]


@pytest.mark.race
def test_without_the_condition_one_code_enrols_more_than_one(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use_up_without_condition(code: str, _: object) -> Enrolment:
        return Enrolment.objects.get(code_hash=enrolment._hash(code), used_at=None)

    monkeypatch.setattr(enrolment, "_use_up", use_up_without_condition)
    store = make_store("Counter 1", "Counter 2")
    code, _ = create_code(store, at=NOON)

    race(code)

    assert Terminal.objects.filter(store=store).count() > 1


@pytest.mark.race
def test_terminals_enrolled_at_once_share_neither_name_nor_till(committed_db: None) -> None:
    store = make_store(*(f"Counter {number}" for number in range(6)))
    codes = [create_code(store, at=NOON)[0] for _ in range(6)]
    calls: list[Any] = [lambda code=code: use(code) for code in codes]

    results = together(calls)

    assert Counter(type(result).__name__ for result in results) == {"Terminal": 6}
    names = Terminal.objects.filter(store=store).values_list("name", flat=True)
    assert sorted(names) == ["T1", "T2", "T3", "T4", "T5", "T6"]
    assert Till.objects.filter(store=store, terminal=None).count() == 0
