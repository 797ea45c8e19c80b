"""`./run test`: every check in order, then every test; with arguments, the tests that they name."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import polib

from prepaid.runner.environment import BASE_FOLDER, flag
from prepaid.runner.install import find_uv, install_environment
from prepaid.runner.translations import compile_translations

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The daemon, a driver whose card is a socket, and what the library is compiled with.
PCSC_PACKAGES = ("pcscd", "vsmartcard-vpcd", "libpcsclite-dev", "gcc", "libc6-dev", "python3-dev")
PCSC_LOCK = "terminals/requirements-pcsc.txt"
LOCALE_FOLDER = BASE_FOLDER / "locale"
MAKE_MESSAGES = ["makemessages", "--locale", "zh_Hans", "--no-location", "--no-obsolete", "--no-wrap"]
IGNORED_FOLDERS = [".venv", ".data", "node_modules"]
# Files here are in memory: the tests make and remove hundreds of databases, each of a thousand files, which
# is most of the work on a disk, and wait for thousands of writes to be on it.
MEMORY_FOLDER = Path("/dev/shm")
MEMORY_BYTES_MIN = 3 * 1024**3


class CheckFailed(Exception):
    """A check found something; the text says what."""


def main(arguments: list[str]) -> NoReturn:
    os.chdir(BASE_FOLDER)
    os.environ.pop("DATABASE_URL", None)
    # Tests make their own data; what the site's own folder holds is not theirs.
    os.environ.pop("PREPAID_DATA", None)
    install_programs()
    install_pcsc()
    compile_translations(LOCALE_FOLDER)
    if not arguments and not run_checks():
        sys.exit(1)
    keep_files_in_memory()
    heading("pytest")
    # One more worker than processors: much of the time a test waits for a browser, a disk or a kill.
    workers = str((os.cpu_count() or 1) + 1)
    pytest = [sys.executable, "-m", "pytest", *(arguments or ["-n", workers, "--dist", "loadfile", "-q"])]
    os.execv(pytest[0], pytest)


def keep_files_in_memory() -> None:
    """Let the tests' databases and folders be in memory, where there is room for them and TMPDIR not set."""
    if "TMPDIR" not in os.environ and has_room(MEMORY_FOLDER):
        os.environ["TMPDIR"] = str(MEMORY_FOLDER)


def has_room(folder: Path) -> bool:
    """Say whether programs and files can be kept in this folder, with room for those of the tests."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    room = status.f_bavail * status.f_frsize
    return os.access(folder, os.W_OK) and not status.f_flag & os.ST_NOEXEC and room >= MEMORY_BYTES_MIN


def run_checks() -> bool:
    """Run every check, so that one run names every fault; return whether all passed."""
    checks: list[tuple[str, Callable[[], None]]] = [
        ("ruff", lambda: run("ruff", "check", ".")),
        ("mypy", lambda: run("mypy")),
        ("import contracts", lambda: run("lint-imports", "--no-cache")),
        ("templates", check_templates),
        ("migrations", check_migrations),
        ("translations", check_translations),
    ]
    failed = [name for name, check in checks if not passes(name, check)]
    if failed:
        print(f"\nThese checks failed: {', '.join(failed)}. The tests were not run.", flush=True)
    return not failed


def passes(name: str, check: Callable[[], None]) -> bool:
    heading(name)
    started_at = time.monotonic()
    try:
        check()
    except CheckFailed as failure:
        print(failure, flush=True)
        return False
    print(f"ok, {time.monotonic() - started_at:.1f} s", flush=True)
    return True


def heading(name: str) -> None:
    print(f"\n== {name}", flush=True)


def run(*command: str) -> None:
    """Run a program of the checks' environment. Raises CheckFailed with its output."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise CheckFailed(done.stdout.strip())


def check_templates() -> None:
    if (BASE_FOLDER / "templates").is_dir():
        run("djlint", "--lint", "--quiet", "templates")


def check_migrations() -> None:
    """Compare models with migrations, which needs no database."""
    run("python", "-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run")


def check_translations() -> None:
    """Collect the messages anew: nothing may change by it, and each must have a translation.

    The catalogue is put back as it was: a check changes nothing.
    """
    if not LOCALE_FOLDER.is_dir():
        return
    if shutil.which("xgettext") is None:
        raise CheckFailed("gettext is missing: install it (Debian, Ubuntu: apt-get install gettext).")
    sources = sorted(LOCALE_FOLDER.glob("*/LC_MESSAGES/*.po"))
    before = {source: source.read_bytes() for source in sources}
    entries = {source: list_messages(source) for source in sources}
    try:
        ignored = [word for folder in IGNORED_FOLDERS for word in ("--ignore", folder)]
        run("python", "manage.py", *MAKE_MESSAGES, *ignored)
        faults = [fault for source in sources for fault in list_faults(source, entries[source])]
    finally:
        for source, content in before.items():
            source.write_bytes(content)
    if faults:
        raise CheckFailed("\n".join(faults))


def list_messages(source: Path) -> set[tuple[str | None, str]]:
    return {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(source)) if not entry.obsolete}


def list_faults(source: Path, before: set[tuple[str | None, str]]) -> list[str]:
    catalogue = polib.pofile(str(source))
    now = list_messages(source)
    name = source.relative_to(BASE_FOLDER)
    return [
        *[f"{name}: not collected yet: {message!r}" for _, message in sorted(now - before, key=str)],
        *[f"{name}: no longer used: {message!r}" for _, message in sorted(before - now, key=str)],
        *[f"{name}: not translated: {entry.msgid!r}" for entry in catalogue.untranslated_entries()],
        *[f"{name}: uncertain (fuzzy): {entry.msgid!r}" for entry in catalogue.fuzzy_entries()],
    ]


def install_programs() -> None:
    """Install the browser, the Chinese font and gettext where this may; with CI set they must be there."""
    missing = list_missing()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(missing)} with apt-get.", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environment, stdin=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        missing = list_missing()
    if missing:
        sentence = f"Missing: {', '.join(missing)}; install them to run every test."
        if flag("CI", False):
            sys.exit(sentence)
        print(sentence, flush=True)


def install_pcsc() -> None:
    """Install the virtual PC/SC reader and the library that speaks to it, where this may."""
    may_install = os.geteuid() == 0 and shutil.which("apt-get")
    if importlib.util.find_spec("smartcard") is not None and shutil.which("pcscd"):
        return
    if not may_install:
        print(f"PC/SC is not tested: {', '.join(PCSC_PACKAGES)} and {PCSC_LOCK} are missing.", flush=True)
        return
    print("Installing a virtual PC/SC reader.", flush=True)
    environment = install_environment()
    subprocess.run(["apt-get", "update", "-qq"], env=environment, stdin=subprocess.DEVNULL)
    apt = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *PCSC_PACKAGES]
    silent = subprocess.DEVNULL
    if subprocess.run(apt, env=environment, stdin=silent, stdout=silent).returncode == 0:
        uv = find_uv() or "uv"
        pip = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--require-hashes"]
        subprocess.run([*pip, "-r", str(BASE_FOLDER / PCSC_LOCK)], env=environment)


def list_missing() -> list[str]:
    found = {
        "chromium": any(shutil.which(name) for name in BROWSERS),
        "fonts-noto-cjk": has_chinese_font(),
        "gettext": shutil.which("xgettext") is not None,
    }
    return [package for package, present in found.items() if not present]


def has_chinese_font() -> bool:
    if shutil.which("fc-list") is None:
        return any(Path("/usr/share/fonts").rglob("NotoSansCJK*"))
    listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True)
    return bool(listed.stdout.strip())


if __name__ == "__main__":
    main(sys.argv[1:])
