"""What an agent tells of itself, and what it refuses when that is not what the site has seen."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from terminals import attestation, messages
from terminals.errors import ConnectionFault, Refused, StateError
from terminals.state import StateFolder
from terminals.terminal import Terminal
from tests.terminals.offline import allow, cut, reconnect
from tests.terminals.recording_site import RecordingSite

CARD = messages.QrCard(code="12345678901234567890")


def installed_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(attestation.INSTALLED, tmp_path / "terminals"))


def test_the_hash_is_the_same_wherever_this_version_is_installed(tmp_path: Path) -> None:
    copy = installed_copy(tmp_path)
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__/amounts.cpython-311.pyc").write_bytes(b"compiled")
    assert attestation.hash_of_files(copy) == attestation.hash_of_files()


@pytest.mark.parametrize("change", ["a byte", "a new file", "a file less", "another name"])
def test_any_change_of_an_installed_file_changes_the_hash(tmp_path: Path, change: str) -> None:
    copy = installed_copy(tmp_path)
    file = copy / "amounts.py"
    if change == "a byte":
        file.write_bytes(file.read_bytes() + b"\n")
    elif change == "a new file":
        (copy / "extra.py").write_text("")
    elif change == "a file less":
        file.unlink()
    else:
        file.rename(copy / "sums.py")
    assert attestation.hash_of_files(copy) != attestation.hash_of_files()


def test_settings_count_and_the_name_and_this_machines_ports_do_not(folder: StateFolder) -> None:
    enrolment = folder.enrolment()
    told = attestation.hash_of_settings(enrolment)
    for same in ({"name": "T9"}, {"site": "http://127.0.0.1:9"}, {"reader": "udp:127.0.0.1:9"}):
        assert attestation.hash_of_settings(msgspec.structs.replace(enrolment, **same)) == told
    for other in ({"site": "https://evil.example"}, {"currency": "USD"}, {"reader": "usb"}):
        assert attestation.hash_of_settings(msgspec.structs.replace(enrolment, **other)) != told


def test_a_heartbeat_tells_the_hash_and_what_the_site_let_work_is_kept(
    terminal: Terminal, site: RecordingSite
) -> None:
    terminal.tell_health(None)
    [told] = site.heartbeats
    assert told["files_hash"] == attestation.hash_of(terminal.enrolment)
    assert len(told["files_hash"]) <= 128
    assert not attestation.differs(terminal.folder, terminal.enrolment)
    accepted = attestation.read_accepted(terminal.folder)
    assert accepted is not None
    assert accepted.files_hash == told["files_hash"]


def test_another_agent_than_the_site_saw_asks_before_it_sells(
    terminal: Terminal, site: RecordingSite
) -> None:
    attestation.save_accepted(terminal.folder, "other.hash", datetime.now(UTC))

    assert terminal.transactions.redeem(CARD, 100).answer is not None

    assert len(site.heartbeats) == 1
    assert not attestation.differs(terminal.folder, terminal.enrolment)


@pytest.mark.parametrize("answer", ["locked now", "locked before", "unreachable"])
def test_another_agent_than_the_site_saw_sells_nothing_without_its_word(
    terminal: Terminal, site: RecordingSite, answer: str
) -> None:
    attestation.save_accepted(terminal.folder, "other.hash", datetime.now(UTC))
    if answer == "locked now":
        site.locked = True
    elif answer == "locked before":
        site.fates.append("403:SW-TAMP-01")
    else:
        terminal.connection.port = 1

    with pytest.raises(StateError) as refused:
        terminal.transactions.redeem(CARD, 100)

    assert refused.value.code == "SW-TAMP-01"
    assert (site.balance, terminal.journal.list_last(1)) == (100_000, [])


@pytest.mark.parametrize("kind", ["redeem", "load", "void"])
def test_a_locked_terminal_begins_nothing_that_moves_value(
    terminal: Terminal, site: RecordingSite, kind: str
) -> None:
    sale = terminal.transactions.redeem(CARD, 100)
    site.fates.append("403:SW-TAMP-01")
    with pytest.raises(Refused):
        terminal.tell_health(None)
    assert terminal.folder.site_notes().locked
    site.locked = True
    calls = {
        "redeem": lambda: terminal.transactions.redeem(CARD, 1),
        "load": lambda: terminal.transactions.load(CARD, 1),
        "void": lambda: terminal.transactions.void(sale.id),
    }
    with pytest.raises(StateError, match="SW-TAMP-01"):
        calls[kind]()
    assert site.balance == 99_900

    site.locked = False
    assert calls[kind]().answer is not None


@pytest.mark.parametrize("code", ["SW-TAMP-01", "terminal_retired"])
def test_a_terminal_that_was_refused_for_its_lock_sells_nothing_offline_either(
    terminal: Terminal, site: RecordingSite, code: str
) -> None:
    allow(site)
    terminal.keep_ready()
    site.fates.append(f"403:{code}")
    assert terminal.transactions.redeem(CARD, 100).code == code
    cut(terminal)

    with pytest.raises(StateError, match="SW-TAMP-01"):
        terminal.transactions.redeem(CARD, 200)
    reconnect(terminal, site)

    assert terminal.transactions.redeem(CARD, 300).state == "answered"


def test_a_standby_sells_once_the_site_says_so_and_takes_its_new_name(
    terminal: Terminal, site: RecordingSite
) -> None:
    site.standby, site.policy["version"] = True, 4
    terminal.tell_health(None)
    terminal.tell_health(None)
    assert terminal.folder.stand_in_notes().policy_version == 4
    assert site.heartbeats[1]["policy_version"] == 4
    with pytest.raises(StateError, match="terminal_standby"):
        terminal.transactions.redeem(CARD, 100)
    assert site.balance == 100_000

    site.standby, site.name = False, "Till 7"
    assert terminal.transactions.redeem(CARD, 100).answer is not None
    assert terminal.folder.enrolment().name == "Till 7"


def test_a_policy_that_cannot_be_fetched_is_not_held(terminal: Terminal, site: RecordingSite) -> None:
    site.policy["version"] = 4
    site.probe_fates.append("broken")
    with pytest.raises(ConnectionFault):
        terminal.tell_health(None)
    assert terminal.folder.stand_in_notes().policy_version == 0
