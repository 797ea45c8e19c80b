from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from terminals.errors import StateError
from terminals.lock import AgentLock, is_driven, read_holder
from terminals.state import StateFolder


@pytest.fixture
def empty(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def test_two_people_cannot_drive_one_terminal(empty: StateFolder) -> None:
    with AgentLock(empty, "interactive"):
        assert is_driven(empty)
        with pytest.raises(StateError) as caught:
            AgentLock(empty, "interactive").acquire()
        assert caught.value.code == "SW-LOCK-01"
    assert not is_driven(empty)


def test_a_headless_agent_hears_that_a_person_waits_and_the_lock_passes_on(empty: StateFolder) -> None:
    headless, person = AgentLock(empty, "headless"), AgentLock(empty, "interactive")
    assert headless.acquire_when_free(threading.Event())
    assert not headless.is_asked_to_give_way()
    waiting = threading.Thread(target=person.acquire)
    waiting.start()
    while not headless.is_asked_to_give_way():
        time.sleep(0.01)
    headless.release()
    waiting.join(10)
    holder = read_holder(empty)
    assert holder is not None
    assert (holder.pid, holder.kind) == (os.getpid(), "interactive")
    assert not empty.request_file.exists()
    person.release()


def test_a_headless_agent_does_not_take_the_lock_before_one_who_waits(empty: StateFolder) -> None:
    empty.make()
    empty.request_file.touch()
    stop = threading.Event()
    threading.Timer(0.4, stop.set).start()
    assert not AgentLock(empty, "headless").acquire_when_free(stop)


def test_an_old_request_of_somebody_gone_is_not_heard(empty: StateFolder) -> None:
    empty.make()
    empty.request_file.touch()
    os.utime(empty.request_file, (0, 0))
    lock = AgentLock(empty, "headless")
    assert lock.acquire_when_free(threading.Event())
    assert not lock.is_asked_to_give_way()
    lock.release()


def test_a_holder_that_does_not_give_way_is_named_in_time(empty: StateFolder) -> None:
    with AgentLock(empty, "headless"), pytest.raises(StateError, match="does not give way"):
        AgentLock(empty, "interactive").acquire(wait_s=0.3)
