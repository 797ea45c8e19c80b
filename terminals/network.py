"""The rungs between this machine and the site: link, gateway, name, address; and which of them broke.

Knows sockets and what Linux tells of its network; must not know HTTP or what is sent.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import queue
import select
import socket
import ssl
import struct
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

NAME_TIMEOUT_S = 3.0
GATEWAY_TIMEOUT_S = 0.3
GATEWAY_PORTS = (53, 80, 443)
ARP_COMPLETE = 0x2
NO_ROUTE = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the kernel tells of the network: the folders of Linux, or a copy of them."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")


THIS_MACHINE = Machine()


def is_own_host(host: str) -> bool:
    """Tell whether a host is this machine itself, which needs neither link nor gateway."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(host: str, port: int, timeout_s: float = NAME_TIMEOUT_S) -> list[str]:
    """Find the addresses of a name; socket.gaierror when there is none or nobody answers in time."""
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(item[4][0]) for item in found)))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty as error:
        raise socket.gaierror(socket.EAI_AGAIN, f"nobody answers for the name {host}") from error
    if isinstance(answer, OSError):
        raise answer
    return answer


def has_link(machine: Machine = THIS_MACHINE) -> bool | None:
    """Tell whether an interface beside loopback is up and has a route; None where the system is silent."""
    interfaces = machine.sys / "class/net"
    if not interfaces.is_dir():
        return None
    routed = {fields[0] for fields in _route_lines(machine)} | _interfaces_with_ipv6(machine)
    for interface in interfaces.iterdir():
        state = _read(interface / "operstate")
        if interface.name != "lo" and state in {"up", "unknown"} and interface.name in routed:
            return True
    return False


def gateway_to(address: str, machine: Machine = THIS_MACHINE) -> str | None:
    """Give the IPv4 gateway on the way to an address; None where it is not needed or not known."""
    try:
        target = ipaddress.IPv4Address(address)
    except ValueError:
        # TEST-NET-1 (RFC 5737): only the default route leads there.
        target = ipaddress.IPv4Address("192.0.2.1")
    if target.is_loopback:
        return None
    best: tuple[int, ipaddress.IPv4Address] | None = None
    for fields in _route_lines(machine):
        network, gateway, mask = (_kernel_address(fields[index]) for index in (1, 2, 7))
        if int(target) & int(mask) == int(network) and (best is None or int(mask) > best[0]):
            best = (int(mask), gateway)
    return str(best[1]) if best and int(best[1]) else None


def gateway_answers(
    gateway: str, machine: Machine = THIS_MACHINE, timeout_s: float = GATEWAY_TIMEOUT_S
) -> bool:
    """Tell whether the gateway is alive: it accepts or refuses a port, echoes a ping, or answers ARP."""
    deadline = time.monotonic() + timeout_s
    with _Ping(gateway) as ping:
        waiting = _knock(gateway)
        try:
            while time.monotonic() < deadline:
                answered, done, _ = select.select([ping], waiting, [], 0.02)
                if (answered and ping.has_answer()) or any(_has_answered(knock) for knock in done):
                    return True
                waiting = [knock for knock in waiting if knock not in done]
            return _is_in_arp(gateway, machine)
        finally:
            for knock in waiting:
                knock.close()


def name_cause(error: Exception, address: str, machine: Machine = THIS_MACHINE) -> str:
    """Name the first broken rung behind a failure to reach the site: a NET code.

    `address` is the site's address, or its name where that did not resolve.
    """
    if isinstance(error, ssl.SSLError):
        return "NET-TLS-01"
    if is_own_host(address) or isinstance(error, ConnectionError):
        return "NET-SRV-01"
    if has_link(machine) is False or (isinstance(error, OSError) and error.errno in NO_ROUTE):
        return "NET-LINK-01"
    gateway = gateway_to(address, machine)
    if gateway and not gateway_answers(gateway, machine):
        return "NET-GW-01"
    return "NET-DNS-01" if isinstance(error, socket.gaierror) else "NET-SRV-01"


class _Ping:
    """One echo request to a gateway, where the system lets an ordinary user send it."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        except OSError:
            echo = None
        if echo is not None:
            self._socket.close()
            self._socket = echo
        self._socket.setblocking(False)
        header = struct.pack("!BBHHH", 8, 0, 0, 0, 1)
        with contextlib.suppress(OSError):
            # Without the right to ping, the same bytes to the discard port still make the kernel ask by ARP.
            self._socket.sendto(header[:2] + _checksum(header) + header[4:], (address, 9))

    def __enter__(self) -> _Ping:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def has_answer(self) -> bool:
        try:
            return bool(self._socket.recv(64))
        except OSError:
            return False


def _knock(address: str) -> list[socket.socket]:
    waiting = []
    for port in GATEWAY_PORTS:
        knock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        knock.setblocking(False)
        if knock.connect_ex((address, port)) in {0, errno.EINPROGRESS, errno.ECONNREFUSED}:
            waiting.append(knock)
        else:
            knock.close()
    return waiting


def _has_answered(knock: socket.socket) -> bool:
    with knock:
        return knock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in {0, errno.ECONNREFUSED}


def _checksum(packet: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return struct.pack("!H", ~total & 0xFFFF)


def _is_in_arp(address: str, machine: Machine) -> bool:
    for line in (_read(machine.proc / "net/arp") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 2 and fields[0] == address:
            return bool(int(fields[2], 16) & ARP_COMPLETE)
    return False


def _route_lines(machine: Machine) -> list[list[str]]:
    lines = (_read(machine.proc / "net/route") or "").splitlines()[1:]
    return [fields for fields in (line.split() for line in lines) if len(fields) >= 8]


def _interfaces_with_ipv6(machine: Machine) -> set[str]:
    lines = (_read(machine.proc / "net/if_inet6") or "").splitlines()
    # Field 3 is the scope: 00 is global, 20 link-local, 10 loopback.
    fields = [line.split() for line in lines]
    return {words[5] for words in fields if len(words) == 6 and words[3] == "00"}


def _kernel_address(hexadecimal: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(hexadecimal, 16).to_bytes(4, sys.byteorder))


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
