"""`./run` as a newcomer has it: real programs, real signals, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runner.sites import READY, Site, wait_until

pytestmark = [pytest.mark.kill, pytest.mark.long]

# Where the demonstration and its terminal add nothing to what is tested, they are left out for speed.
BARE = "--no-demo"
MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(open_folder: Path) -> Iterator[MakeSite]:
    """Make sites that have no data yet."""
    made: list[Site] = []

    def make(name: str = "data", port: int | None = None, *words: str) -> Site:
        made.append(Site(open_folder / name, port, *words))
        return made[-1]

    yield make
    for site in made:
        site.end()


@pytest.fixture(scope="module")
def first_data(shared_folder: Path) -> Path:
    """The data that a first start made, which found nothing there; never written again."""
    site = Site(shared_folder / "first")
    try:
        site.start().wait_until_ready()
        assert site.get("/")[0] < 400
        site.parent.terminate()
        assert site.parent.wait(60) == 0
        site.wait_until_gone()
    finally:
        site.end()
    return site.data


def copy_data(data: Path, to: Path) -> None:
    """Copy data with the owners of its files: the database's are another's where root runs the tests."""
    subprocess.run(["cp", "-a", data, to], check=True)


@pytest.fixture
def make_started_site(make_site: MakeSite, first_data: Path) -> MakeSite:
    """Make sites that were started before, each with a copy of those data."""

    def make(name: str = "data", port: int | None = None, *words: str) -> Site:
        site = make_site(name, port, *words)
        copy_data(first_data, site.data)
        return site

    return make


@pytest.fixture(scope="module")
def running(shared_folder: Path, first_data: Path) -> Iterator[Site]:
    """One site for the tests that only look at it."""
    site = Site(shared_folder / "data")
    copy_data(first_data, site.data)
    try:
        yield site.start().wait_until_ready()
        site.parent.terminate()
        site.parent.wait(60)
    finally:
        site.end()


def count_users(site: Site) -> int:
    done = site.run(
        *["manage", "shell", "--verbosity", "0", "-c"],
        "from django.contrib.auth.models import User; print(User.objects.filter(username='kept').count())",
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def make_user(site: Site) -> None:
    done = site.run(
        *["manage", "shell", "--verbosity", "0", "-c"],
        "from django.contrib.auth.models import User; User.objects.create(username='kept')",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("number", "words"), [(signal.SIGTERM, []), (signal.SIGINT, [BARE])])
def test_a_stop_signal_ends_everything(
    make_started_site: MakeSite, number: signal.Signals, words: list[str]
) -> None:
    site = make_started_site("data", None, *words).start().wait_until_ready()
    assert site.get("/")[0] < 400
    assert len(site.list_parts()) > 5

    site.parent.send_signal(number)

    assert site.parent.wait(60) == 0
    assert site.list_parts() == {}


def test_a_closed_window_ends_everything(make_started_site: MakeSite) -> None:
    site = make_started_site("data", None, BARE)
    window = site.start_in_window()
    shown = b""
    while READY.encode() not in shown:
        shown += os.read(window, 4096)

    os.close(window)

    assert site.parent.wait(60) == 0
    site.wait_until_gone()


def test_a_killed_parent_leaves_nothing_behind(make_started_site: MakeSite) -> None:
    site = make_started_site().start().wait_until_ready()

    site.parent.kill()
    site.parent.wait()

    site.wait_until_gone()


def test_a_kill_during_the_start_leaves_nothing_behind(make_site: MakeSite) -> None:
    site = make_site().start()
    wait_until(lambda: "Bringing the tables up to date" in site.output(), "the first step", 120)

    site.parent.kill()
    site.parent.wait()

    site.wait_until_gone()


def test_a_program_that_ends_by_itself_stops_the_rest_with_code_1(make_started_site: MakeSite) -> None:
    site = make_started_site("data", None, BARE).start().wait_until_ready()
    [clock, *_] = [number for number, line in site.list_parts().items() if " beat " in line]

    os.kill(clock, signal.SIGKILL)

    assert site.parent.wait(60) == 1
    assert "clock ended by itself" in site.output()
    site.wait_until_gone()


def test_two_run_side_by_side_and_data_survives(make_started_site: MakeSite) -> None:
    first = make_started_site("first", None, BARE).start()
    second = make_started_site("second folder", None, BARE).start()
    first.wait_until_ready()
    second.wait_until_ready()
    make_user(first)
    assert count_users(second) == 0
    assert first.get("/")[0] < 400
    assert second.get("/")[0] < 400

    first.parent.terminate()
    assert first.parent.wait(60) == 0
    assert second.get("/")[0] < 400
    again = make_started_site("first", None, BARE).start().wait_until_ready()

    assert count_users(again) == 1
    assert again.get("/")[0] < 400


def test_a_command_works_while_the_site_does_not_run(make_site: MakeSite) -> None:
    site = make_site()
    assert site.run("manage", "migrate", "--verbosity", "0").returncode == 0
    make_user(site)
    assert count_users(site) == 1
    site.wait_until_gone()


def test_a_first_command_finds_tables_without_a_word_of_migrations(make_site: MakeSite) -> None:
    site = make_site()
    done = site.run("manage", "issue_card", "--amount", "100", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "There is no program to issue under" in done.stderr
    site.wait_until_gone()


def test_a_second_site_on_the_same_data_is_refused_in_a_sentence(running: Site) -> None:
    second = Site(running.data).start()

    assert second.parent.wait(60) == 1
    assert second.output() == (
        f"The site already runs with the data in {running.data}: use that one, or choose another --data.\n"
    )
    assert running.get("/")[0] < 400


def test_a_taken_port_is_refused_in_a_sentence(running: Site, make_site: MakeSite) -> None:
    second = make_site("other", running.port).start()

    assert second.parent.wait(60) == 1
    assert second.output() == (
        f"Port {running.port} on 127.0.0.1 cannot be used (Address already in use): choose a --port.\n"
    )


@pytest.mark.parametrize("words", [[], ["manage", "check"]])
def test_a_folder_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "data").touch()
    done = Site(tmp_path / "data").run(*words)
    assert done.returncode == 1
    said = r"The data folder \S+/data cannot be used \([^)]+\): choose another --data\.\n"
    assert re.fullmatch(said, done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("pool", "sentence"),
    [
        ("many", "DATABASE_POOL must be a whole number, not 'many'."),
        ("0", "The database does not answer: "),
    ],
)
def test_what_a_setting_names_and_is_not_there_gets_a_sentence(
    tmp_path: Path, pool: str, sentence: str
) -> None:
    nowhere = {"SECRET_KEY": "x", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = Site(tmp_path / "data").run("manage", "showmigrations", DATABASE_POOL=pool, **nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_a_real_site_without_a_database_of_its_own_is_refused(make_site: MakeSite) -> None:
    done = make_site().run("manage", "check", DEBUG="0", SECRET_KEY="a secret")
    assert done.returncode == 1
    assert done.stderr.startswith("DEBUG=0 needs DATABASE_URL")


def test_the_start_ends_with_what_to_do_next(running: Site) -> None:
    shown = running.output()
    assert f"open http://127.0.0.1:{running.port} in a browser" in shown
    assert "cashier / cashier" in shown
    assert f"./run --data {running.data} tap 1" in shown


def test_a_tap_reaches_the_simulated_terminal(running: Site) -> None:
    about = json.loads((running.data / "running.json").read_text())
    assert Path(about["state"], "terminal.json").exists()

    assert running.run("tap", "1").returncode == 0
    assert running.run("tap", "away").returncode == 0


def test_a_command_works_while_the_site_runs(running: Site) -> None:
    make_user(running)
    assert count_users(running) == 1
