"""A redeem is one round trip and one commit: counted on the wire, and on the rows that it leaves."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection, transaction

from prepaid.money import Money
from prepaid.stored_value.move import move
from prepaid.stored_value.return_card import return_card
from tests.shop import HeldCard, open_shop

HEADER_BYTES = 5
REDEEM = b"BDES"  # Bind, Describe, Execute, Sync: a statement that was prepared before
ROWS = """
select xmin::text from ledger_account where id = %(account)s
union all select xmin::text from cards_credential where id = %(credential)s
union all select xmin::text from ledger_transaction where id = %(id)s
union all select transfer.xmin::text from ledger_transfer as transfer
    join ledger_transaction as posted using (account_id, position) where posted.id = %(id)s
union all select outbox.xmin::text from ledger_outbox as outbox
    join ledger_transaction as posted using (account_id, position) where posted.id = %(id)s
union all select xmin::text from ledger_answer where id = %(id)s
"""


class Recorder:
    """Stands between client and server, and notes the type of each message and each turn of the talk."""

    def __init__(self, folder: Path, server: str) -> None:
        self.server = server
        self.sent = b""
        self.answers: list[tuple[bytes, bytes]] = []
        self.turns = 0
        self._client_spoke_last = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def forget(self) -> None:
        self.sent, self.answers, self.turns, self._client_spoke_last = b"", [], 0, False

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self.server}/.s.PGSQL.5432")
            for source, target, note in ((client, server, self._ask), (server, client, self._answer)):
                threading.Thread(target=self._pass_on, args=(source, target, note), daemon=True).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, note: Callable[[bytes, bytes], None]
    ) -> None:
        # The client's first message has no type; it begins with its length.
        kept, begun = b"", note == self._answer
        while piece := source.recv(65_536):
            kept += piece
            if not begun and len(kept) >= 4 and len(kept) >= int.from_bytes(kept[:4], "big"):
                kept, begun = kept[int.from_bytes(kept[:4], "big") :], True
            while begun and len(kept) >= HEADER_BYTES:
                length = 1 + int.from_bytes(kept[1:HEADER_BYTES], "big")
                if len(kept) < length:
                    break
                note(kept[:1], kept[HEADER_BYTES:length])
                kept = kept[length:]
            target.sendall(piece)
        target.close()

    def _ask(self, kind: bytes, _: bytes) -> None:
        self.turns += not self._client_spoke_last
        self._client_spoke_last = True
        self.sent += kind

    def _answer(self, kind: bytes, content: bytes) -> None:
        self._client_spoke_last = False
        self.answers.append((kind, content))


@pytest.fixture
def recorder(committed_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    folder, server = tmp_path_factory.mktemp("wire"), connection.settings_dict["HOST"]
    recorder = Recorder(folder, server)
    connection.close()
    connection.settings_dict["HOST"] = str(folder)
    try:
        yield recorder
    finally:
        connection.close()
        connection.settings_dict["HOST"] = server
        recorder.close()


def writers_of(held: HeldCard, transaction_id: UUID) -> list[str]:
    """List the database's transaction that wrote each row of a redeem."""
    values = {"account": held.account_id, "credential": held.credential.id, "id": transaction_id}
    with connection.cursor() as cursor:
        cursor.execute(ROWS, values)
        return [row[0] for row in cursor.fetchall()]


def test_redeem_is_one_round_trip_and_one_commit(recorder: Recorder) -> None:
    shop = open_shop()
    held = shop.card(balance=1000)
    shop.redeem(held, 1)  # prepares the statement
    recorder.forget()

    answer = shop.redeem(held, 100)

    assert answer.approved
    assert (recorder.sent, recorder.turns) == (REDEEM, 1)
    # The server is ready once, and outside a transaction: what it did is committed.
    assert [content for kind, content in recorder.answers if kind == b"Z"] == [b"I"]
    writers = writers_of(held, answer.id)
    assert (len(writers), len(set(writers))) == (6, 1)


def test_declined_redeem_is_one_round_trip_and_one_commit(recorder: Recorder) -> None:
    shop = open_shop()
    held = shop.card(balance=1000)
    shop.redeem(held, 1)
    recorder.forget()

    answer = shop.redeem(held, 5000)

    assert answer.reason == "insufficient_funds"
    assert (recorder.sent, recorder.turns) == (REDEEM, 1)
    assert [content for kind, content in recorder.answers if kind == b"Z"] == [b"I"]


def test_recorder_sees_more_where_there_is_more(recorder: Recorder) -> None:
    shop = open_shop()
    held = shop.card(balance=1000)
    recorder.forget()

    with transaction.atomic():
        shop.redeem(held, 100)

    assert recorder.turns > 1
    # A statement of its own to begin and one to commit; and a first call on a connection is prepared.
    assert recorder.sent == b"Q" + b"PS" + REDEEM + b"Q"


def test_move_with_both_its_sides_is_one_round_trip_and_one_commit(recorder: Recorder) -> None:
    shop = open_shop()
    source, target = shop.card(balance=1000), shop.card()
    till = [shop.request(origin=shop.counter, sequence=None) for _ in range(2)]
    move(till[0], source.card.id, target.card.id, Money(1, "CNY"))  # prepares the statement
    recorder.forget()

    answer = move(till[1], source.card.id, target.card.id, Money(100, "CNY"))

    assert answer.approved
    assert (recorder.sent, recorder.turns) == (REDEEM, 1)
    assert [content for kind, content in recorder.answers if kind == b"Z"] == [b"I"]


def test_return_that_closes_its_card_is_one_round_trip_and_one_commit(recorder: Recorder) -> None:
    shop = open_shop()
    first, second = shop.card(balance=100), shop.card(balance=100)
    till = [shop.request(origin=shop.counter, sequence=None) for _ in range(2)]
    return_card(till[0], first.card.id, paid_minor=100, tender="cash", note="x")  # prepares the statement
    recorder.forget()

    answer = return_card(till[1], second.card.id, paid_minor=100, tender="cash", note="x")

    assert answer.approved
    assert (recorder.sent, recorder.turns) == (REDEEM, 1)
    assert [content for kind, content in recorder.answers if kind == b"Z"] == [b"I"]
