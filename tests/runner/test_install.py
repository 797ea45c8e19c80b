"""What `./run` understands and what it says when something is missing."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from prepaid.runner.environment import BASE_FOLDER
from prepaid.runner.install import InstallError, read_arguments


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ({}, "up", [])),
        ("--port 8123", ({"--port": "8123"}, "up", [])),
        ("--port=8123 --data /some/folder", ({"--port": "8123", "--data": "/some/folder"}, "up", [])),
        ("up --port 8123 --no-demo", ({"--port": "8123"}, "up", ["--no-demo"])),
        ("--no-demo", ({}, "up", ["--no-demo"])),
        ("--data d manage shell --port 1", ({"--data": "d"}, "manage", ["shell", "--port", "1"])),
        ("manage migrate", ({}, "manage", ["migrate"])),
        ("test -k name", ({}, "test", ["-k", "name"])),
        ("terminal --data d --lang zh", ({"--data": "d"}, "terminal", ["--lang", "zh"])),
        ("tap 3", ({}, "tap", ["3"])),
        ("--help", ({}, "help", [])),
        ("help", ({}, "help", [])),
    ],
)
def test_arguments_are_parted(line: str, expected: tuple[dict[str, str], str, list[str]]) -> None:
    assert read_arguments(line.split()) == expected


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("start", "`./run start` is not known; `./run help` lists what is."),
        ("--data", "--data needs a value; `./run help` shows how."),
        ("--port 1 manage check", "--port and --host belong to the site: `./run --port 8123`."),
    ],
)
def test_a_wrong_argument_gets_one_sentence(line: str, sentence: str) -> None:
    with pytest.raises(InstallError) as refused:
        read_arguments(line.split())
    assert str(refused.value) == sentence


def run_with_only(programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASE_FOLDER / "run", *words], env={"PATH": str(programs)}, capture_output=True, text=True, cwd="/"
    )


def test_a_missing_python_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = run_with_only(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or newer is needed and was not found")
    assert done.stderr.count("\n") == 1


def test_an_old_python_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run_with_only(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or newer is needed")


def test_output_is_the_command_s_own_while_another_run_sets_up() -> None:
    with (BASE_FOLDER / ".gitignore").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [BASE_FOLDER / "run", "manage", "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == b"Waiting for another ./run to finish setting up.\n"
        waiting.terminate()

    assert waiting.communicate(timeout=60)[0] == b""


def test_help_lists_every_command() -> None:
    done = subprocess.run([BASE_FOLDER / "run", "help"], capture_output=True, text=True, check=True)
    for command in ("--port", "--data", "terminal", "tap", "manage", "test", "bench"):
        assert command in done.stdout
