"""What stands between the socket and the redeem: the driver's call, the reading of a body, the web server.

Knows each choice of docs/adr and one alternative to it; must not know the ledger.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.batches import items, lookups_of, statement
from bench.figures import Contender, Line, race
from bench.site import Site
from bench.taps import enrol_terminals
from bench.web import HOST, redeems, warm_up, web_server
from prepaid.runner.environment import BASE_FOLDER

CLIENTS = 16
GUNICORN = [
    *[sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:PORT", "--workers", "2"],
    *["--worker-class", "gthread", "--threads", "8", "--keep-alive", "30", "--log-level", "error"],
    "prepaid.wsgi:application",
]


def measure_driver(site: Site, *, rounds: int, seconds: float) -> list[Line]:
    """Measure the prepared statement beside Django's own cursor, which writes the values into the text."""
    from django.db import connection

    from prepaid.stored_value.calls import fetch

    with site.connect() as direct:
        made, sql = items(lookups_of(direct)), statement()

    def by_cursor(values: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            cursor.fetchone()

    def each(call: Callable[[list[Any]], Any]) -> Callable[[float], float]:
        return lambda seconds: repeat(lambda: call(next(made)), seconds)

    contenders = [
        Contender("prepared once a connection", each(lambda values: fetch(sql, values))),
        Contender("Django's cursor", each(by_cursor)),
    ]
    return race("driver", contenders, rounds=rounds, seconds=seconds)


def measure_bodies(*, rounds: int) -> list[Line]:
    """Measure the reading of one redeem's body by msgspec beside a DRF serializer with the same fields."""
    import json

    from rest_framework import serializers

    from prepaid.api.bodies import read_message
    from terminals import messages

    class CardSerializer(serializers.Serializer[Any]):
        method = serializers.ChoiceField(["sun"])
        uri = serializers.CharField(max_length=1024)

    class RedeemSerializer(serializers.Serializer[Any]):
        id = serializers.UUIDField()
        type = serializers.ChoiceField(["redeem"])
        card = CardSerializer()
        amount = serializers.IntegerField(min_value=1, max_value=10**12)
        currency = serializers.RegexField("^[A-Z]{3}$")
        sequence = serializers.IntegerField(min_value=1, max_value=2**53)
        occurred_at = serializers.DateTimeField()
        allow_partial = serializers.BooleanField(default=False)
        operator = serializers.CharField(max_length=32, required=False)

    body = json.dumps(EXAMPLE).encode()

    def by_serializer() -> None:
        read = RedeemSerializer(data=json.loads(body))
        read.is_valid(raise_exception=True)

    def by_message() -> None:
        read_message(body, messages.Transaction)

    contenders = [
        Contender("msgspec", lambda seconds: repeat(by_message, seconds)),
        Contender("DRF serializer", lambda seconds: repeat(by_serializer, seconds)),
    ]
    return race("body", contenders, rounds=rounds, seconds=0.3)


EXAMPLE = {
    "id": "019ab0a5-0d27-7cb4-8f2e-5d5a0cb7a9c1",
    "type": "redeem",
    "card": {"method": "sun", "uri": f"https://cards.example/t?picc_data={'0' * 32}&cmac={'0' * 16}"},
    "amount": 1250,
    "currency": "CNY",
    "sequence": 42,
    "occurred_at": "2026-11-23T09:30:00.120Z",
    "operator": "bench",
}


def repeat(call: Callable[[], object], seconds: float) -> float:
    """Call again and again for so many seconds; give how often a second."""
    started = time.perf_counter()
    for count in itertools.count(1):
        call()
        if time.perf_counter() - started > seconds:
            return count / (time.perf_counter() - started)
    raise AssertionError("count does not end")


def measure_servers(site: Site, *, rounds: int, seconds: float) -> list[Line]:
    """Measure signed redeems at the server as it is, without its pool, and at gunicorn's threads."""
    tappings = enrol_terminals(site, CLIENTS)
    extra = fetch_gunicorn(site)
    with contextlib.ExitStack() as servers:
        ports = {
            "granian with a pool": servers.enter_context(web_server()),
            "granian, a connection a request": servers.enter_context(
                web_server(environment={"DATABASE_POOL": "0"})
            ),
        }
        if extra:
            path = f"{extra}{os.pathsep}{BASE_FOLDER}"
            ports["gunicorn gthread with a pool"] = servers.enter_context(
                web_server(GUNICORN, {"PYTHONPATH": path})
            )
        for port in ports.values():
            warm_up(port, tappings)
        contenders = [Contender(name, redeems(port, tappings)) for name, port in ports.items()]
        return race("HTTP redeem", contenders, rounds=rounds, seconds=seconds)


def fetch_gunicorn(site: Site) -> str:
    """Put gunicorn into a folder of this run, for it is no dependency; empty where it cannot be had."""
    folder = site.folder / "gunicorn"
    uv = os.path.join(os.path.dirname(sys.executable), "uv")
    done = subprocess.run(
        [uv, "pip", "install", "--quiet", "--target", str(folder), "gunicorn"], capture_output=True, text=True
    )
    if done.returncode:
        print("gunicorn could not be fetched: it is left out.")
    return "" if done.returncode else str(folder)
