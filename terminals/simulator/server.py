"""The card server: virtual cards behind the wire format of nfcpy's `udp` driver, driven over a control line.

Knows datagrams, lines and one field; must not know what cards answer. One thread, bounded, loopback alone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from terminals.simulator.field import Collision, Field, VirtualCard, is_sensing
from terminals.simulator.hand import EMPTY_POLLS_BEFORE_TAP, Hand, Say, described
from terminals.simulator.orders import HELP, Away, List, Order, OrderError, Quit, Tap, parse_order

DATAGRAM_BYTES_MAX = 1024
LINE_BYTES_MAX = 200
CLIENTS_MAX = 8
FIELD_OFF = b"RFOFF"
TICK_S = 0.25
TICK_WHILE_MOVING_S = 0.01
CLIENT_PATIENCE_S = 30.0

Address = tuple[str, int]


class Client:
    """One end of the control line, with the line that it is still writing."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.unread = b""
        self.until = time.monotonic() + CLIENT_PATIENCE_S


class CardServer:
    """Serves until told to stop; `say` hears what a person watching should know."""

    def __init__(
        self,
        cards: Sequence[VirtualCard],
        *,
        listen: Address,
        control: socket.socket,
        say: Say = print,
        typed: int | None = None,
        empty_polls_before_tap: int = EMPTY_POLLS_BEFORE_TAP,
    ) -> None:
        self._cards = {card.number: card for card in cards}
        self._field = Field()
        self._hand = Hand(self._field, empty_polls_before_tap=empty_polls_before_tap)
        self._say = say
        self._is_stopping = False
        self._peer: Address | None = None
        self._selector = selectors.DefaultSelector()
        self._clients: set[Client] = set()
        self._typed = typed
        self._air = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._air.bind(listen)
        except OSError:
            self._air.close()
            raise
        self._air.setblocking(False)
        self._control = control
        self._control.setblocking(False)
        self._watch(self._air, self._take_datagram)
        self._watch(self._control, self._accept)
        if typed is not None:
            self._watch(typed, self._take_typed)

    @property
    def address(self) -> Address:
        """Where readers reach the cards."""
        host, port = self._air.getsockname()
        return host, port

    def serve(self) -> None:
        """Serve until `stop`."""
        try:
            while not self._is_stopping:
                for key, _ in self._selector.select(
                    TICK_WHILE_MOVING_S if self._hand.is_waiting() else TICK_S
                ):
                    key.data()
                self._hand.move()
                self._drop_idle_clients()
        finally:
            self._close()

    def stop(self) -> None:
        """End `serve` soon; may be called from a signal."""
        self._is_stopping = True

    def obey(self, order: Order, answer: Say) -> None:
        """Do what was asked; `answer` hears `ok ...` or `error ...` when it is done, once."""
        match order:
            case Tap():
                missing = [number for number in order.cards if number not in self._cards]
                if missing:
                    answer(f"error there is no card {missing[0]}")
                    return
                hold_s = None if order.hold_ms is None else order.hold_ms / 1000
                self._hand.put(
                    [self._cards[number] for number in order.cards], hold_s, partial(_placed, answer)
                )
            case Away():
                self._hand.take_away()
                answer("ok nothing is on the reader")
            case List():
                lines = [
                    f"{described(card)}: {card.technology} {card.uid.hex()}" for card in self._cards.values()
                ]
                answer("\n".join([*lines, f"ok {len(lines)} card{'s' if len(lines) != 1 else ''}"]))
            case Quit():
                answer("ok")
                self.stop()

    def _watch(self, source: socket.socket | int, ready: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, ready)

    def _take_datagram(self) -> None:
        try:
            datagram, peer = self._air.recvfrom(DATAGRAM_BYTES_MAX + 1)
        except OSError:
            # Linux reports here that an earlier answer found its reader gone.
            return
        if len(datagram) > DATAGRAM_BYTES_MAX:
            return
        answer = self._answer(datagram, peer)
        if answer is not None:
            with contextlib.suppress(OSError):
                self._air.sendto(answer, peer)

    def _answer(self, datagram: bytes, peer: Address) -> bytes | None:
        if datagram.startswith(FIELD_OFF):
            if peer == self._peer:
                self._field.power_off()
            return None
        try:
            bitrate, frame = _parse(datagram)
        except ValueError:
            return None
        looks = is_sensing(bitrate, frame)
        if looks:
            self._hand.note_poll()
            if peer != self._peer:
                # nfcpy takes a new socket for a new field.
                self._field.power_off()
                self._peer = peer
        elif peer != self._peer:
            return None
        try:
            answer = self._field.answer(bitrate, frame)
        except Collision:
            return bitrate.encode()
        if answer is not None:
            return f"{bitrate} {answer.hex()}".encode()
        # An empty field says so at once, so that no reader has to wait for a second.
        return FIELD_OFF if looks or not self._field.cards else None

    def _accept(self) -> None:
        try:
            connection, _ = self._control.accept()
        except OSError:
            return
        if len(self._clients) >= CLIENTS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        client = Client(connection)
        self._clients.add(client)
        self._watch(connection, partial(self._take_line, client))

    def _take_line(self, client: Client) -> None:
        try:
            received = client.connection.recv(LINE_BYTES_MAX + 1)
        except OSError:
            received = b""
        client.unread += received
        client.until = time.monotonic() + CLIENT_PATIENCE_S
        if not received or len(client.unread) > LINE_BYTES_MAX:
            self._drop(client)
            return
        *lines, client.unread = client.unread.split(b"\n")
        for line in lines:
            self._take_order(line.decode("utf-8", "replace"), partial(self._write, client))

    def _take_typed(self) -> None:
        assert self._typed is not None
        try:
            received = os.read(self._typed, 4096)
        except OSError:
            # A program in the background may not read its terminal.
            received = b""
        if not received:
            self._selector.unregister(self._typed)
            return
        for line in received.decode("utf-8", "replace").splitlines():
            if line.strip() in {"help", "?"}:
                self._say(HELP)
            elif line.strip():
                self._take_order(line, self._say_answer)

    def _take_order(self, line: str, answer: Say) -> None:
        try:
            self.obey(parse_order(line), answer)
        except OrderError as error:
            answer(f"error {error}")

    def _say_answer(self, text: str) -> None:
        *lines, last = text.split("\n")
        self._say("\n".join([*lines, last.partition(" ")[2] or "bye"]))

    def _write(self, client: Client, text: str) -> None:
        try:
            client.connection.sendall(f"{text}\n".encode())
        except OSError:
            self._drop(client)

    def _drop_idle_clients(self) -> None:
        now = time.monotonic()
        for client in [client for client in self._clients if client.until < now]:
            self._drop(client)

    def _drop(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.connection)
            client.connection.close()

    def _close(self) -> None:
        for client in list(self._clients):
            self._drop(client)
        self._selector.close()
        self._air.close()
        self._control.close()
        sys.stdout.flush()


def _parse(datagram: bytes) -> tuple[str, bytes]:
    """Read `106A <hex>`. Raises ValueError for anything else."""
    bitrate, content = datagram.decode("ascii").split()
    return bitrate, bytes.fromhex(content)


def _placed(answer: Say, what: str) -> None:
    answer(f"ok {what} on the reader" if what else "error taken away before it was put down")
