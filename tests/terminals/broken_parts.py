"""Parts that are really broken, for the diagnosis to find: certificates, networks, lines, scanners."""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    certificate = made.sign(key, None)
    file = folder / "tls.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_greet, args=(listening, context), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _greet(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        try:
            context.wrap_socket(plain, server_side=True).close()
        except OSError:
            # The caller does not trust the certificate, as it should.
            plain.close()


@contextmanager
def slow_line(port: int, delay_s: float) -> Iterator[int]:
    """A line to a port of this machine on which every answer comes late."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as closing:
        stop = threading.Event()

        def carry() -> None:
            while not stop.is_set():
                try:
                    near, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=_carry_late, args=(near, port, delay_s), daemon=True).start()

        threading.Thread(target=carry, daemon=True).start()
        closing.callback(stop.set)
        yield listening.getsockname()[1]


def _carry_late(near: socket.socket, port: int, delay_s: float) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        ends, is_late = {near: far, far: near}, False
        while True:
            readable, _, _ = select.select(list(ends), [], [], 30)
            for end in readable:
                piece = end.recv(65_536)
                if not piece:
                    return
                if end is far and not is_late:
                    # The delay is what is injected: this is the slow line, not a wait for a condition.
                    time.sleep(delay_s)
                is_late = end is far
                ends[end].sendall(piece)


class Network:
    """A terminal's own network: a cable to a router, each in a namespace of the kernel. Needs root.

    `router` is up with an address, or silent (the cable ends in nothing), or there is no cable at all.
    """

    def __init__(self, *, cable: bool = True, router: bool = True, nameserver: str = "10.99.0.1") -> None:
        self._router = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
        self._terminal = subprocess.Popen(["unshare", "-n", "-m", "cat"], stdin=subprocess.PIPE)
        self._wait_for_own_namespaces()
        self._in_terminal("mount --make-rprivate / && mount -t sysfs none /sys && ip link set lo up")
        self._in_terminal(
            f"mount -t tmpfs none /mnt && echo nameserver {nameserver} > /mnt/resolv.conf"
            " && mount --bind /mnt/resolv.conf /etc/resolv.conf"
        )
        if cable:
            self._in_terminal("ip link add eth0 type veth peer name eth1")
            self._in_terminal(f"ip link set eth1 netns {self._router.pid}")
            self._in_router("ip link set lo up && ip link set eth1 up")
            if router:
                self._in_router("ip addr add 10.99.0.1/24 dev eth1")
            self._in_terminal(
                "ip addr add 10.99.0.2/24 dev eth0 && ip link set eth0 up"
                " && ip route add default via 10.99.0.1"
            )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the agent's command line behind this network."""
        command = ["nsenter", "-t", str(self._terminal.pid), "-n", "-m", "--wd=" + str(ROOT)]
        return subprocess.run(
            [*command, sys.executable, "-m", "terminals", *words],
            capture_output=True,
            text=True,
            env=os.environ | {"LANG": "C.UTF-8"},
            timeout=60,
            check=False,
        )

    def close(self) -> None:
        """Take the network away."""
        for process in (self._terminal, self._router):
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)

    def _wait_for_own_namespaces(self) -> None:
        own = os.readlink("/proc/self/ns/net")
        for process in (self._router, self._terminal):
            deadline = time.monotonic() + 10
            while os.readlink(f"/proc/{process.pid}/ns/net") == own:
                assert time.monotonic() < deadline, "the kernel made no namespace"
                assert process.poll() is None, "unshare failed"

    def _in_terminal(self, script: str) -> None:
        self._in(self._terminal, script)

    def _in_router(self, script: str) -> None:
        self._in(self._router, script)

    def _in(self, process: subprocess.Popen[bytes], script: str) -> None:
        words = ["nsenter", "-t", str(process.pid), "-n"] + (["-m"] if process is self._terminal else [])
        subprocess.run([*words, "sh", "-ec", script], check=True, capture_output=True, timeout=30)


def can_make_networks() -> bool:
    """Tell whether this machine lets us make namespaces with cables between them."""
    tried = subprocess.run(
        ["unshare", "-n", "-m", "sh", "-ec", "mount --make-rprivate /; ip link add eth0 type veth peer eth1"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


@contextmanager
def scanner() -> Iterator[tuple[str, int]]:
    """A serial scanner: the path of its port, and the descriptor into which its codes are written."""
    inside, outside = os.openpty()
    tty.setraw(outside)
    try:
        yield os.ttyname(outside), inside
    finally:
        os.close(inside)
        os.close(outside)
