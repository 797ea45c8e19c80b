"""The default broker on the test database: a message goes through kombu, pgmq and PostgreSQL and back."""

from collections.abc import Iterator

import pytest
from django.db import connections
from kombu import Connection, Queue
from kombu.simple import SimpleQueue

from prepaid.celery import app
from prepaid.jobs.broker import QUEUE_NAME_LENGTH_MAX, Channel, connection_parameters


@pytest.fixture
def broker(committed_db: None) -> Iterator[Connection]:
    with app.connection_for_write() as connection:
        yield connection


def test_the_settings_name_our_transport(broker: Connection) -> None:
    assert broker.transport.driver_name == "prepaid"


def test_a_message_comes_back_once_and_is_gone_when_acknowledged(broker: Connection) -> None:
    with SimpleQueue(broker.default_channel, "once") as queue:
        queue.put({"id": 7})
        message = queue.get(timeout=10)
        assert message.payload == {"id": 7}
        message.ack()
        assert queue.qsize() == 0
        with pytest.raises(queue.Empty):
            queue.get_nowait()


def test_a_message_that_was_not_acknowledged_comes_back(broker: Connection) -> None:
    with SimpleQueue(broker.default_channel, "twice") as queue:
        queue.put("again")
        queue.get(timeout=10).requeue()
        message = queue.get(timeout=10)
        assert message.payload == "again"
        message.ack()


def test_a_queue_name_of_any_length_works(broker: Connection) -> None:
    """The stock transport stops the worker at 48 characters, which a long host name reaches."""
    name = "worker@a-host-with-a-very-long-name.in-a-long.example.com"
    assert len(name) > QUEUE_NAME_LENGTH_MAX
    with SimpleQueue(broker.default_channel, name) as queue:
        queue.put("long")
        message = queue.get(timeout=10)
        assert message.payload == "long"
        message.ack()


def test_long_names_that_begin_alike_stay_apart(broker: Connection) -> None:
    channel = broker.default_channel
    assert isinstance(channel, Channel)
    names = [channel.entity_name("q" * 60 + end) for end in ("a", "b")]
    assert [len(name) for name in names] == [QUEUE_NAME_LENGTH_MAX, QUEUE_NAME_LENGTH_MAX]
    assert names[0] != names[1]


def test_a_queue_is_declared_again_without_harm(broker: Connection) -> None:
    for _ in range(2):
        Queue("declared", channel=broker.default_channel).declare()


def test_the_broker_connects_as_the_site_does(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS options and a password with odd characters reach libpq, which the stock transport loses."""
    settings = connections.settings["default"]
    monkeypatch.setitem(settings, "PASSWORD", "a b'c\\d@/")
    monkeypatch.setitem(settings, "OPTIONS", settings["OPTIONS"] | {"sslmode": "prefer"})

    parameters = connection_parameters()

    assert parameters["password"] == "a b'c\\d@/"
    assert parameters["sslmode"] == "prefer"
    assert parameters["dbname"] == settings["NAME"]
    assert "lock_timeout" in parameters["options"]
