"""The readers of settings, and what the checks say of settings that do not fit together."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from prepaid import checks
from prepaid.logs import JsonFormatter
from prepaid.runner.environment import BASE_FOLDER, SettingError, flag, number, secret, words
from prepaid.runner.translations import compile_translations

TWO_ROLES = {"DATABASE_URL": "postgresql://app:p%40ss@db/site?sslmode=require", "DATABASE_OWNER_URL": ""}


def read_settings(expression: str, **environment: str) -> object:
    """Evaluate an expression on the settings as another environment gives them."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json; from prepaid import settings; print(json.dumps({expression}))"],
        cwd=BASE_FOLDER,
        env={"PATH": os.environ["PATH"], "SECRET_KEY": "x"} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("yes", True), ("0", False), ("off", False), ("", True)]
)
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("A_FLAG", value)
    assert flag("A_FLAG", True) is expected


def test_a_flag_or_number_that_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_VALUE", "perhaps")
    with pytest.raises(SettingError, match="A_VALUE must be 1 or 0, not 'perhaps'"):
        flag("A_VALUE", True)
    with pytest.raises(SettingError, match="A_VALUE must be a whole number, not 'perhaps'"):
        number("A_VALUE", 1)


def test_words_are_parted_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTS", "a.example.com, b.example.com,")
    assert words("HOSTS", []) == ["a.example.com", "b.example.com"]


def test_a_secret_comes_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("A_KEY", "from the variable")
    assert secret("A_KEY") == "from the variable"
    monkeypatch.setenv("A_KEY_FILE", str(tmp_path / "key"))
    assert secret("A_KEY") == "from the file"


def test_a_url_keeps_its_options_and_its_password() -> None:
    found = read_settings("settings.DATABASES['default']", **TWO_ROLES)
    assert isinstance(found, dict)
    assert (found["HOST"], found["NAME"], found["USER"], found["PASSWORD"]) == ("db", "site", "app", "p@ss")
    assert found["OPTIONS"]["sslmode"] == "require"
    assert "-c lock_timeout=2000" in found["OPTIONS"]["options"]


@pytest.mark.parametrize(
    ("owner", "expected"), [("", ""), ("postgresql://app@db/site", ""), ("postgresql://boss@db/site", "app")]
)
def test_the_application_has_a_role_only_beside_another_owner(owner: str, expected: str) -> None:
    environment = TWO_ROLES | {"DATABASE_OWNER_URL": owner}
    assert read_settings("settings.DATABASE_APP_ROLE", **environment) == expected


def test_the_owner_migrates_without_a_time_limit() -> None:
    environment = {"DATABASE_OWNER_URL": "postgresql://boss@db/site", "PREPAID_DATABASE_ROLE": "owner"}
    found = read_settings("settings.DATABASES['default']", **(TWO_ROLES | environment))
    assert isinstance(found, dict)
    assert found["USER"] == "boss"
    assert "-c statement_timeout=0" in found["OPTIONS"]["options"]


def test_one_role_is_warned_of() -> None:
    with override_settings(DATABASE_APP_ROLE="", TRIAL=False):
        assert [found.id for found in checks.warn_of_one_role()] == ["prepaid.W001"]
    with override_settings(DATABASE_APP_ROLE="app", TRIAL=False):
        assert checks.warn_of_one_role() == []


def test_a_short_visibility_timeout_is_refused() -> None:
    with override_settings(CELERY_BROKER_TRANSPORT_OPTIONS={"visibility_timeout": 120}):
        assert [found.id for found in checks.refuse_short_visibility()] == ["prepaid.E001"]
    assert checks.refuse_short_visibility() == []


def test_a_lock_timeout_longer_than_the_statement_is_refused() -> None:
    with override_settings(DATABASE_LOCK_TIMEOUT_MS=20_000, DATABASE_STATEMENT_TIMEOUT_MS=15_000):
        assert [found.id for found in checks.refuse_two_timeouts_the_wrong_way_round()] == ["prepaid.E002"]
    assert checks.refuse_two_timeouts_the_wrong_way_round() == []


@pytest.mark.parametrize("address", ["https://cards.example/" + "x" * 200, "https://卡.example/t"])
def test_an_address_that_no_card_holds_is_refused(address: str) -> None:
    with override_settings(CARD_URI=address):
        assert [found.id for found in checks.refuse_an_address_that_no_card_holds()] == ["prepaid.E003"]
    assert checks.refuse_an_address_that_no_card_holds() == []


def test_a_keyring_that_is_none_is_refused() -> None:
    with override_settings(CARD_KEYRING="prepaid.cards.keys.NoSuchKeyring"):
        assert [found.id for found in checks.refuse_a_keyring_that_is_none()] == ["prepaid.E004"]
    assert checks.refuse_a_keyring_that_is_none() == []


def test_a_log_line_is_one_json_object_with_the_event_first() -> None:
    record = logging.makeLogRecord(
        {"msg": "card_tapped", "levelname": "INFO", "name": "prepaid", "last_four": "0001"}
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert next(iter(json.loads(line))) == "event"
    assert json.loads(line)["last_four"] == "0001"


def test_translations_are_compiled_once(tmp_path: Path) -> None:
    folder = tmp_path / "zh_Hans" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Card"\nmsgstr "卡"\n'
    )
    assert compile_translations(tmp_path) == 1
    assert compile_translations(tmp_path) == 0
    assert "卡".encode() in (folder / "django.mo").read_bytes()


@pytest.mark.parametrize(
    ("environment", "shows_code"),
    [({}, False), ({"DEBUG_PAGES": "1"}, True), ({"DEBUG_PAGES": "1", "DEBUG": "0"} | TWO_ROLES, False)],
    ids=["a trial", "a trial that is worked on", "a real site"],
)
def test_pages_that_show_code_are_asked_for(environment: dict[str, str], shows_code: bool) -> None:
    assert read_settings("settings.DEBUG", **environment) is shows_code
