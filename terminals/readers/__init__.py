"""Card readers behind one interface: what a tap is, and what can go wrong until there is one.

Knows taps and fault codes; must not know a driver, nor what a card is worth.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from terminals.errors import TerminalError
from terminals.messages import Card, Retry

PATH_KINDS = ("usb", "pcsc", "tty", "com", "udp")


class ReaderError(TerminalError):
    """The reader or the exchange with a card failed before any transaction began: no money moved."""

    retry: Retry = "same"


@dataclass(frozen=True, slots=True)
class Tap:
    """One presentation of a card. `uid` is lower-case hex as the air showed it, so it may be random.

    `card` is what the site is told: the SUN message of a card that proves itself, else the bare UID.
    """

    technology: str
    uid: str
    uri: str | None
    card: Card
    at: datetime


class Reader(Protocol):
    """A contactless reader. One thread waits for taps; another may speak to the card of the last one."""

    name: str

    def open(self) -> None:
        """Take hold of the device. Raises ReaderError HW-DRV-01 or HW-USB-01; the detail says what to do."""

    def close(self) -> None:
        """Let go of the device; closing twice is harmless."""

    def wait_for_tap(self, *, stop: threading.Event) -> Tap | None:
        """Block until a new card came, or `stop` is set: then None.

        A card that stays on the reader is one tap, also over several calls. Raises ReaderError, once for
        each presentation that cannot be read: NFC-RF-01 (hold still), NFC-RF-02 (two cards), NFC-CARD-01
        (nothing that can pay). HW-USB-01 and HW-DRV-01 mean that the device went; the next call opens it
        again, after at most 2 s, so that a caller may simply go on calling.
        """

    def holding(self) -> AbstractContextManager[None]:
        """Keep the field and the card of the last tap as they are, between commands that belong together."""

    def transceive(self, command: bytes) -> bytes:
        """Send a command to the card of the last tap and give its answer, both as they are on the air.

        An APDU for an ISO-DEP card, its status word behind the answer; a frame with its length for FeliCa.
        Raises ReaderError NFC-RF-01 where the card is gone: held there still, it is another tap then.
        """


def paths_of(readers: str) -> list[str]:
    """Give the paths of a terminal's readers, which a comma parts: the customer's and the staff's."""
    paths = [path.strip() for path in readers.split(",")]
    return list(dict.fromkeys(path for path in paths if path)) or [readers]


def open_reader(path: str) -> Reader:
    """Give the reader at a path: `usb`, `usb:054c:06c3`, `tty:USB0:pn532`, `com:3:pn532`, `udp:HOST:PORT`.

    One of several is named by its serial number, which stays when it moves to another port:
    `usb:serial:NUMBER`, or through PC/SC `pcsc:NUMBER` or a part of its name; `pcsc` takes the first.
    The device itself is taken by `open()`. Raises ReaderError HW-DRV-01 where the path or its driver is none.
    """
    kind, _, device = path.partition(":")
    if kind not in PATH_KINDS:
        raise ReaderError(
            "HW-DRV-01",
            f"{path!r} is no reader: say usb, pcsc, tty:USB0:pn532 or udp:HOST:PORT",
            detail_zh=f"{path!r} 不是读卡器：请写 usb、pcsc、tty:USB0:pn532 或 udp:主机:端口",
        )
    if kind == "pcsc":
        return _open_pcsc(device)
    try:
        from terminals.readers.nfcpy import NfcpyReader, connect_device
    except ImportError as error:
        raise ReaderError(
            "HW-DRV-01",
            f"{error.name or 'nfcpy'} is missing: pip install -r terminals/requirements.txt",
            detail_zh=f"缺少 {error.name or 'nfcpy'}：pip install -r terminals/requirements.txt",
        ) from error
    if path.startswith("usb:serial:"):
        from terminals.readers.usb import Bound

        return NfcpyReader(path, connect=Bound(connect_device))
    return NfcpyReader(path)


def _open_pcsc(wanted: str) -> Reader:
    try:
        from terminals.readers.pcsc import PcscReader
    except ImportError as error:
        raise ReaderError(
            "HW-DRV-01",
            f"{error.name or 'pyscard'} is missing: pip install -r terminals/requirements-pcsc.txt",
            detail_zh=f"缺少 {error.name or 'pyscard'}：pip install -r terminals/requirements-pcsc.txt",
        ) from error
    return PcscReader(wanted)
