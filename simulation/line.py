"""A terminal's network line: TCP on the loopback to the site, which fails when it is told to.

Knows bytes and their direction; must not know what they say. Lives with its terminal: a kill takes both.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from typing import Literal

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536

# What happens to the next call: cut in the middle of the request, or as its answer begins; or the power goes.
Failure = Literal["cut_request", "cut_answer", "kill_before", "kill_after"]
_ON_REQUEST = ("cut_request", "kill_before")
_KILLS = ("kill_before", "kill_after")


class Line:
    """Passes bytes between one terminal and the site; down, it refuses connections as a dead site does."""

    def __init__(self, port: int, site_port: int) -> None:
        self._port = port
        self._site = (HOST, site_port)
        self._lock = threading.Lock()
        self._failure: Failure | None = None
        self._left = 0
        self._listener: socket.socket | None = None

    def go_up(self) -> None:
        """Take connections."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((HOST, self._port))
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def go_down(self) -> None:
        """Take no more connections; those that are open end with their terminal's."""
        if self._listener is not None:
            # Closing alone would leave the thread in accept, and the port with it.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def fail_next(self, failure: Failure, times: int = 1) -> None:
        """Let the next calls fail so, this many of them."""
        with self._lock:
            self._failure, self._left = failure, times

    def mend(self) -> None:
        """Let every call through again."""
        with self._lock:
            self._failure, self._left = None, 0

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._site) as server:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._pass, args=(server, client, False), daemon=True)
            back.start()
            self._pass(client, server, True)
            back.join(5)

    def _pass(self, source: socket.socket, target: socket.socket, is_request: bool) -> None:
        try:
            while part := source.recv(CHUNK_BYTES):
                if self._takes_failure(is_request):
                    if is_request:
                        target.sendall(part[: len(part) // 2])
                    return
                target.sendall(part)
        except OSError:
            return
        finally:
            for one in (source, target):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _takes_failure(self, is_request: bool) -> bool:
        with self._lock:
            if self._failure is None or (self._failure in _ON_REQUEST) != is_request:
                return False
            if self._failure in _KILLS:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
            if self._left <= 0:
                self._failure = None
            return True


def reserve_port() -> socket.socket:
    """Hold a port that nobody else is given: bound and never listening, so that calls to it are refused."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((HOST, 0))
    return held
