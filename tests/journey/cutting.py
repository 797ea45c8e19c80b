"""A network that can be cut: a TCP proxy on the loopback that loses answers on command."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Passes bytes between a terminal and the site; while `cutting`, closes as soon as an answer begins.

    The request has then reached the site whole, and the terminal never learns what came of it.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cutting = threading.Event()
        self.cuts = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pass_back, args=(server, client), daemon=True)
            back.start()
            try:
                while part := client.recv(65536):
                    server.sendall(part)
            except OSError:
                pass
            finally:
                _shut(server)
                back.join(5)

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while part := server.recv(65536):
                if self.cutting.is_set():
                    self.cuts += 1
                    return
                client.sendall(part)
        except OSError:
            pass
        finally:
            _shut(client)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
