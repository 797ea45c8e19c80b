"""The PIN at the full screen: asked for when the site wants it, masked, and told once, under a new id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from terminals.scanners import Scanned
from terminals.terminal import Terminal
from tests.terminals.recording_site import RecordingSite
from tests.terminals.test_console import Person

PIN = "493817"
NUMBER = "8600123456789012"


@pytest.fixture
def person(terminal: Terminal) -> Person:
    return Person(terminal)


def sales(site: RecordingSite) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in site.sent()]


def test_tap_that_needs_the_pin_is_repeated_with_it_under_a_new_id(
    person: Person, site: RecordingSite
) -> None:
    site.decline = "pin_required"
    person.types("12.50\n")
    person.taps()
    assert "PIN: _" in person.sees()

    person.types(PIN)
    assert "PIN: ******_" in person.sees()
    assert PIN not in person.sees()
    person.types("\n")
    assert "PIN typed: the same card again" in person.sees()
    site.decline = None
    person.taps()

    first, second = sales(site)
    assert (first["card"].get("pin"), second["card"]["pin"]) == (None, PIN)
    assert (first["amount"], second["amount"]) == (1250, 1250)
    assert first["id"] != second["id"]
    assert "A P P R O V E D" in person.sees()
    assert PIN not in "\n".join(person.terminal.journal.export())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_printed_code_is_told_again_by_itself(person: Person, site: RecordingSite, language: str) -> None:
    site.decline = "pin_required"
    person.types("12.50\n")
    person.console.on_event(Scanned("87001234567890123458"))
    person.work()
    site.decline = None
    assert {"en": "PIN: _", "zh": "密码: _"}[language] in person.sees(language)

    person.types(PIN + "\n")

    assert [sale["card"].get("pin") for sale in sales(site)] == [None, PIN]
    assert {"en": "A P P R O V E D", "zh": "成  功"}[language] in person.sees(language)


def test_wrong_pin_is_asked_for_again_and_a_locked_one_is_not(person: Person, site: RecordingSite) -> None:
    site.decline = "pin_wrong"
    person.types("12.50\n")
    person.taps()
    person.types("1234\n")
    person.taps()
    assert "PIN: _" in person.sees()

    site.decline = "pin_locked"
    person.types("1234\n")
    person.taps()

    assert "PIN: _" not in person.sees()
    assert [sale["card"].get("pin") for sale in sales(site)] == [None, "1234", "1234"]
    person.types("5\n")
    person.taps()
    assert sales(site)[-1]["card"].get("pin") is None


def test_esc_forgets_the_pin_and_keeps_the_amount(person: Person, site: RecordingSite) -> None:
    site.decline = "pin_required"
    person.types("12.50\n")
    person.taps()
    person.types("12\n")
    assert "PIN: **_" in person.sees()
    person.types("\b\b\x1b")
    assert "PIN:" not in person.sees()

    person.types("\n")
    person.taps()
    person.types(PIN + "\n\x1b\n")
    person.taps()

    assert [sale["card"].get("pin") for sale in sales(site)] == [None, None, None]
