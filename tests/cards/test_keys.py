"""The file of the site's keys: made once, whole, for its owner alone, and never shown."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from prepaid import keys
from prepaid.cards import keys as card_keys
from prepaid.cards.crypto import diversify
from prepaid.cards.keys import newest_version
from prepaid.keys import KeysLost, KeysUnreadable, read_or_make_keys
from prepaid.runner import start
from prepaid.runner.environment import BASE_FOLDER
from prepaid.runner.programs import StartError
from tests.shop import open_shop

# Waits for a line, so that each process is past its imports; then makes or reads the keys and hashes.
PROGRAM = """
import sys
from pathlib import Path
from prepaid.keys import read_or_make_keys
print("ready", flush=True)
sys.stdin.readline()
print(read_or_make_keys(Path(sys.argv[1])).content_digest(b"x").hex())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site" / "keys.json"


def test_first_start_makes_keys_that_only_the_owner_may_read(file: Path) -> None:
    read_or_make_keys(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stored = json.loads(file.read_text())
    assert [len(bytes.fromhex(stored[name])) for name in keys.HASH_KEYS] == [32, 32, 32, 32]
    assert [(row["version"], len(row["meta"]), len(row["master"])) for row in stored["sun"]] == [(1, 32, 32)]
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_next_start_reads_the_same_keys(file: Path) -> None:
    first = read_or_make_keys(file).content_digest(b"x")

    assert read_or_make_keys(file).content_digest(b"x") == first


def race(file: Path, *, processes: int) -> set[str]:
    """Start processes that all find no keys, let them go at once, and give what each hashes."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(file)],
            cwd=BASE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    barrier = threading.Barrier(processes)
    hashes: list[str] = []

    def go(process: subprocess.Popen[str]) -> None:
        barrier.wait()
        hashes.append(process.communicate("go\n")[0].strip())

    threads = [threading.Thread(target=go, args=(process,)) for process in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.returncode for process in started] == [0] * processes
    return set(hashes)


@pytest.mark.race
def test_processes_that_start_first_at_once_share_one_set_of_keys(file: Path) -> None:
    hashes = race(file, processes=4)

    assert hashes == {read_or_make_keys(file).content_digest(b"x").hex()}
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_loser_of_the_first_start_takes_the_winners_keys(file: Path) -> None:
    winner = read_or_make_keys(file).content_digest(b"x")

    # The loser looked before the winner's file was there.
    keys._make(file)

    assert read_or_make_keys(file).content_digest(b"x") == winner


def test_without_the_link_the_loser_replaces_the_winners_keys(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = read_or_make_keys(file).content_digest(b"x")
    monkeypatch.setattr(os, "link", lambda draft, path: Path(path).write_text(Path(draft).read_text()))

    keys._make(file)

    assert read_or_make_keys(file).content_digest(b"x") != winner


def test_keys_that_others_may_read_are_refused(file: Path) -> None:
    read_or_make_keys(file)
    file.chmod(0o644)

    with pytest.raises(KeysUnreadable, match="run chmod 600 on it"):
        read_or_make_keys(file)


@pytest.mark.parametrize(
    "change",
    [
        {"lookup": "00"},
        {"pin": None},
        {"content": "not hex"},
        {"sun": [{"version": 1, "meta": "00" * 16}]},
        {"sun": "none"},
    ],
)
def test_damaged_keys_are_refused_and_neither_replaced_nor_shown(
    file: Path, change: dict[str, object]
) -> None:
    read_or_make_keys(file)
    stored = json.loads(file.read_text())
    file.write_text(json.dumps(stored | change))
    damaged = file.read_text()

    with pytest.raises(KeysUnreadable, match="damaged or incomplete: restore the file") as refused:
        read_or_make_keys(file)

    assert file.read_text() == damaged
    assert refused.value.__cause__ is None
    assert not any(stored[name] in str(refused.value) for name in keys.HASH_KEYS)


def test_file_that_is_no_json_is_refused(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("")
    file.chmod(0o600)

    with pytest.raises(KeysUnreadable, match="damaged or incomplete"):
        read_or_make_keys(file)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file where the folder should be")

    with pytest.raises(KeysUnreadable, match=r"The keys in .*/site/keys.json cannot be used"):
        read_or_make_keys(tmp_path / "site" / "keys.json")


def test_keys_are_shown_neither_by_repr_nor_in_logs(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = read_or_make_keys(file)
        logging.getLogger("prepaid").warning("keys %s %r %s", made, made, made.sun)

    stored = json.loads(file.read_text())
    secrets = [stored[name] for name in keys.HASH_KEYS]
    secrets += [stored["sun"][0][name] for name in ("meta", "master")]
    assert not any(secret in caplog.text for secret in secrets)
    assert not any(repr(bytes.fromhex(secret)) in caplog.text for secret in secrets)


def test_newest_sun_keys_come_first(file: Path) -> None:
    read_or_make_keys(file)
    stored = json.loads(file.read_text())
    rows = [{"version": version, "meta": f"{version:02x}" * 16, "master": "00" * 16} for version in (1, 3, 2)]
    file.write_text(json.dumps(stored | {"sun": rows}))

    assert [row.version for row in read_or_make_keys(file).sun] == [3, 2, 1]


def test_rotation_adds_a_version_and_keeps_the_others_and_the_mode(file: Path) -> None:
    before = read_or_make_keys(file)
    file.chmod(0o640)

    assert keys.add_card_keys(file) == 2

    after = read_or_make_keys(file)
    assert [row.version for row in after.sun] == [2, 1]
    assert (after.sun[1].meta, after.sun[1].master) == (before.sun[0].meta, before.sun[0].master)
    assert after.sun[0].master != before.sun[0].master
    assert after.lookup == before.lookup
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in file.parent.iterdir()) == [".keys.json.lock", "keys.json"]


@pytest.mark.race
def test_rotations_at_once_each_add_a_version(file: Path) -> None:
    read_or_make_keys(file)
    versions: list[int] = []
    threads = [threading.Thread(target=lambda: versions.append(keys.add_card_keys(file))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(versions) == list(range(2, 10))
    assert len(read_or_make_keys(file).sun) == 9


def test_there_is_no_version_that_a_card_cannot_hold(file: Path) -> None:
    read_or_make_keys(file)
    stored = json.loads(file.read_text())
    stored["sun"][0]["version"] = 255
    file.write_text(json.dumps(stored))

    with pytest.raises(KeysUnreadable, match="none after 255"):
        keys.add_card_keys(file)

    assert json.loads(file.read_text()) == stored


@pytest.mark.parametrize("version", [0, 256, -1])
def test_file_with_such_a_version_is_refused(file: Path, version: int) -> None:
    read_or_make_keys(file)
    stored = json.loads(file.read_text())
    stored["sun"][0]["version"] = version
    file.write_text(json.dumps(stored))

    with pytest.raises(KeysUnreadable, match="damaged or incomplete"):
        read_or_make_keys(file)


def test_command_rotates_and_a_running_site_sees_it(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.KEYS_FILE = file
    read_or_make_keys(file)
    assert newest_version() == 1

    call_command("rotate_keys")

    assert newest_version() == 2
    assert "keys of version 2 from now on; cards with older keys go on working" in capsys.readouterr().out


@pytest.mark.django_db
def test_lost_keys_of_a_database_with_cards_are_refused_and_not_made_anew(
    file: Path, settings: Settings
) -> None:
    open_shop().card()
    settings.KEYS_FILE = file

    for ask in (keys.site_keys, keys.refuse_lost_keys, start.make_keys, rotate):
        with pytest.raises((KeysLost, StartError, CommandError), match="restore the file from the backup"):
            ask()

    assert not file.exists()


def rotate() -> None:
    call_command("rotate_keys")


def test_first_start_of_an_empty_site_makes_its_keys(scratch_db: str, file: Path, settings: Settings) -> None:
    settings.KEYS_FILE = file

    keys.refuse_lost_keys()
    assert not file.exists()
    start.make_keys()

    assert file.exists()


class Elsewhere:
    """A keyring that is no file."""

    def list_versions(self) -> tuple[int, ...]:
        return (7,)

    def meta_key(self, version: int) -> bytes:
        return bytes([version]) * 16

    def derive(self, version: int, material: bytes) -> bytes:
        return diversify(bytes([version]) * 16, material)


def test_card_keys_may_come_from_elsewhere_than_the_file(settings: Settings) -> None:
    settings.CARD_KEYRING = f"{__name__}.Elsewhere"
    uid = bytes.fromhex("04de5f1eacc040")

    assert newest_version() == 7
    assert card_keys.card_key(uid, card_keys.META, 7) == b"\x07" * 16
    made = {card_keys.card_key(uid, number, 7) for number in range(5)} | {card_keys.felica_key(uid + b"1", 7)}
    assert len(made) == 6
    assert card_keys.card_key(uid, 0, 0) == bytes(16)
