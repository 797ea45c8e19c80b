"""The site says that it lives, and which part is not ready."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from prepaid.api import health
from prepaid.celery import app as celery
from prepaid.runner.cluster import OWNER_ROLE
from tests.conftest import connect_as

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def forget() -> None:
    health._require_all_applied.cache_clear()


@pytest.mark.parametrize("address", ["/healthz", "/api/v1/healthz"])
def test_process_answers_without_its_database(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "cursor", broken)

    response = Client().get(address)

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


def broken(*_: Any, **__: Any) -> Any:
    raise OperationalError("gone")


@pytest.mark.parametrize("address", ["/readyz", "/api/v1/readyz"])
def test_site_with_all_its_parts_is_ready(address: str) -> None:
    response = Client().get(address)

    assert response.status_code == 200, response.content
    assert response.json() == {"status": "ready", "parts": ["database", "migrations", "broker"]}


def assert_not_ready(*parts: str) -> None:
    response = Client().get("/readyz")
    told = response.json()
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert (told["code"], sorted(told["errors"])) == ("not_ready", sorted(parts))
    assert int(response["Retry-After"]) >= 1
    assert all(part in told["detail"] for part in parts)


def test_database_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as gone:
        gone.setattr(connection, "cursor", broken)
        assert_not_ready("database", "migrations")

    assert Client().get("/readyz").status_code == 200


def test_migration_that_waits_is_named() -> None:
    with connect_as(OWNER_ROLE) as owner:
        owner.execute("update django_migrations set app = 'away' where app = 'api'")
        try:
            assert_not_ready("migrations")
        finally:
            owner.execute("update django_migrations set app = 'api' where app = 'away'")

    assert Client().get("/readyz").status_code == 200


def test_broker_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from kombu import Connection

    monkeypatch.setattr(celery, "connection_for_write", lambda **_: Connection("amqp://127.0.0.1:1//"))

    assert_not_ready("broker")


def test_only_reading_is_taken() -> None:
    for address in ("/healthz", "/readyz"):
        assert Client(enforce_csrf_checks=True).post(address).status_code == 405
