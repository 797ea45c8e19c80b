"""What `./run` does first: makes `.venv`, installs what changed, then becomes the command that was asked for.

Runs under the machine's own Python, so it imports nothing that has to be installed.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from prepaid.runner.environment import BASE_FOLDER

VENV = BASE_FOLDER / ".venv"
PYTHON = VENV / "bin" / "python"
SITE_LOCKS = ("requirements.txt", "terminals/requirements.txt")
CHECK_LOCKS = ("requirements-dev.txt",)
SIMULATION_LOCKS = ("simulation/requirements.txt",)

HELP = """\
./run [--port 8000] [--host 127.0.0.1] [--data .data]   set everything up and run the site
./run terminal          the simulated terminal's own screen, while the site runs
./run tap 3             hold the simulated card 3 to the terminal; `./run tap away` takes it off
./run manage COMMAND    a management command on the same data
./run test [ARGUMENTS]  every check and test; with arguments: pytest with these
./run mutants           take the guards of value out of the SQL, one by one: the tests must notice
./run bench             the measurements
./run simulate          a chain of shops for a week of good and bad days; --help says what can be chosen
./run lock              write the locked requirements anew from pyproject.toml
--data FOLDER before any of these says which data; the default is .data beside this script."""


OPTIONS = ("--data", "--port", "--host")
COMMANDS = ("up", "manage", "test", "mutants", "bench", "simulate", "terminal", "tap", "lock")
COMMANDS_WITH_OPTIONS = ("up", "terminal", "tap")


class InstallError(Exception):
    """Something that only the person can put right; the text says how."""


def main() -> None:
    try:
        options, command, rest = read_arguments(sys.argv[1:])
        if command == "help":
            print(HELP)
            return
        if "--data" in options:
            os.environ["PREPAID_DATA"] = str(Path(options["--data"]).expanduser().resolve())
        with only_one():
            make_venv()
            install("site", SITE_LOCKS)
            if command in {"test", "mutants", "lock"}:
                install("check", CHECK_LOCKS)
            if command == "simulate":
                install("simulation", SIMULATION_LOCKS)
        become(command, options, rest)
    except InstallError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def read_arguments(arguments: list[str]) -> tuple[dict[str, str], str, list[str]]:
    """Part our own options from the command and what belongs to it. Raises InstallError on another word."""
    rest = list(arguments)
    if rest and rest[0] in {"-h", "--help", "help"}:
        return {}, "help", []
    options = take_options(rest)
    command = rest.pop(0) if rest and not rest[0].startswith("-") else "up"
    if command not in COMMANDS:
        raise InstallError(f"`./run {command}` is not known; `./run help` lists what is.")
    if command in COMMANDS_WITH_OPTIONS:
        options |= take_options(rest)
    if command != "up" and options.keys() & {"--port", "--host"}:
        raise InstallError("--port and --host belong to the site: `./run --port 8123`.")
    return options, command, rest


def take_options(words: list[str]) -> dict[str, str]:
    """Take our own options from the front of these words."""
    options: dict[str, str] = {}
    while words and words[0].partition("=")[0] in OPTIONS:
        name, _, value = words.pop(0).partition("=")
        if not value and not words:
            raise InstallError(f"{name} needs a value; `./run help` shows how.")
        options[name] = value or words.pop(0)
    return options


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let one at a time set up this checkout."""
    with (BASE_FOLDER / ".gitignore").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another ./run to finish setting up.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_venv() -> None:
    """Make `.venv` with uv in it, unless a working one is there."""
    if works([str(PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]) and find_uv():
        return
    say(f"Making .venv with Python {sys.version_info.major}.{sys.version_info.minor}.")
    if VENV.exists():
        shutil.rmtree(VENV)
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and shutil.which("uv") is None and not works([sys.executable, "-m", "pip", "--version"]):
        get_debian_venv()
        with_pip = True
    run_quietly([sys.executable, "-m", "venv", *([] if with_pip else ["--without-pip"]), str(VENV)])
    say("Fetching uv, which installs the rest.")
    if with_pip:
        run_quietly([str(PYTHON), "-m", "pip", "install", "--quiet", "uv"])
    elif shutil.which("uv") is None:
        run_quietly([sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "uv"])


def get_debian_venv() -> None:
    """Install the package that Debian parts from Python. Raises InstallError when this may not."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise InstallError(
            "Python's venv is missing: install it (Debian, Ubuntu: apt-get install python3-venv)."
        )
    say(f"Installing {package}.")
    run_quietly(["apt-get", "update", "-qq"])
    run_quietly(["apt-get", "install", "-qq", "--yes", package])


def find_uv() -> str | None:
    own = VENV / "bin" / "uv"
    return str(own) if own.exists() else shutil.which("uv")


def install(name: str, locks: tuple[str, ...]) -> None:
    """Install these locked requirements, unless just these were installed already."""
    stamp = VENV / f"installed-{name}"
    mark = hashlib.sha256(b"".join((BASE_FOLDER / lock).read_bytes() for lock in locks)).hexdigest()
    if stamp.exists() and stamp.read_text() == mark:
        return
    what = {"site": "the site", "check": "the checks", "simulation": "the simulation"}[name]
    say(f"Installing the packages of {what}.")
    files = [word for lock in locks for word in ("-r", str(BASE_FOLDER / lock))]
    uv = find_uv()
    command = [uv or "uv", "pip", "install", "--quiet", "--python", str(PYTHON), "--require-hashes", *files]
    if not (uv and works(command, visible=True)):
        say("uv could not install them; trying with pip, which is slower.")
        run_quietly([str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", *files])
    stamp.write_text(mark)


def works(command: list[str], *, visible: bool = False) -> bool:
    output = sys.stderr if visible else subprocess.DEVNULL
    try:
        return (
            subprocess.run(command, stdout=output, stderr=output, env=install_environment()).returncode == 0
        )
    except OSError:
        return False


def run_quietly(command: list[str]) -> None:
    """Run a step whose output only matters when it fails. Raises InstallError with that output."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=install_environment()
    )
    if done.returncode:
        raise InstallError(f"This step failed: {' '.join(command)}\n{done.stdout.strip()}")


def install_environment() -> dict[str, str]:
    foreign = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "1",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def become(command: str, options: dict[str, str], rest: list[str]) -> NoReturn:
    """Replace this program by the one asked for, which keeps its number and so gets every signal."""
    manage = [str(PYTHON), str(BASE_FOLDER / "manage.py")]
    listening = [word for name in ("--host", "--port") if name in options for word in (name, options[name])]
    commands = {
        "up": [*manage, "up", *listening, *rest],
        "manage": [*manage, *rest],
        "test": [str(PYTHON), "-m", "prepaid.runner.verify", *rest],
        "mutants": [str(PYTHON), "-m", "prepaid.runner.verify", "tests/mutants", "-q", *rest],
        "bench": [str(PYTHON), "-m", "bench", *rest],
        "simulate": [str(PYTHON), "-m", "simulation", *rest],
        "terminal": [str(PYTHON), "-m", "prepaid.runner.terminal", "screen", *rest],
        "tap": [str(PYTHON), "-m", "prepaid.runner.terminal", "tap", *rest],
        "lock": [str(PYTHON), "-m", "prepaid.runner.lock", *rest],
    }
    for name in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    os.environ["PYTHONPATH"] = str(BASE_FOLDER)
    os.environ["VIRTUAL_ENV"] = str(VENV)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if command != "manage":
        os.chdir(BASE_FOLDER)
    os.execv(commands[command][0], commands[command])


def say(sentence: str) -> None:
    """Say how far it is, where it does not stand in the way of what the command itself prints."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
