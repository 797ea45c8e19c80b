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

from prepaid import keys
from prepaid.keys import KeysUnreadable, read_or_make_keys
from prepaid.runner.environment import BASE_FOLDER

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
