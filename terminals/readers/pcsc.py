"""The readers that PC/SC drives: the only file of the agent that imports pyscard.

Knows PC/SC's calls and what it calls what went wrong; must not know the site, nor what a card is worth.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from smartcard import scard

from terminals import messages
from terminals.readers import ReaderError, Tap
from terminals.readers.technologies import is_random, is_sun, iso_dep_technology, storage_card_technology
from terminals.readers.type_4 import read_uri

REOPEN_INTERVAL_S = 2.0
POLL_MS = 200
READ_TRIES = 3
SUN_LENGTH_MAX = 1024
GET_UID = bytes.fromhex("FFCA000000")
GET_VERSION = bytes.fromhex("9060000000")
OK = b"\x90\x00"
GONE = {scard.SCARD_E_READER_UNAVAILABLE, scard.SCARD_E_UNKNOWN_READER, scard.SCARD_E_NO_READERS_AVAILABLE}
NO_SERVICE = {scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED, scard.SCARD_F_COMM_ERROR}
DENIED = {scard.SCARD_W_SECURITY_VIOLATION, scard.SCARD_E_NO_ACCESS}
NO_SERVICE_SAYS = "pcscd does not run: apt install pcscd, then systemctl enable --now pcscd.socket"
NO_SERVICE_ZH = "pcscd 未运行：apt install pcscd，然后 systemctl enable --now pcscd.socket"
DENIED_SAYS = "pcscd refuses this user: take the polkit rule of docs/terminals.md"
DENIED_ZH = "pcscd 拒绝本用户：请采用 docs/terminals.md 中的 polkit 规则"
# A reader with a slot for SIM-sized cards lists that as a reader too.
SECOND_SLOTS = ("SAM", "ICC READER 0")


class CardLeft(Exception):
    """The card did not answer to the end."""


class PcscReader:
    """A reader of PC/SC: the first contactless one, or the one whose name or serial number is `wanted`."""

    def __init__(self, wanted: str = "") -> None:
        self.name = f"pcsc:{wanted}" if wanted else "pcsc"
        self._wanted = wanted
        self._context: Any = None
        self._reader = ""
        self._state = scard.SCARD_STATE_UNAWARE
        self._card: tuple[Any, int] | None = None
        self._uid: bytes | None = None
        self._opened_at: float | None = None
        self._lock = threading.RLock()

    def open(self) -> None:
        """Take hold of the reader. Raises ReaderError."""
        self.close()
        self._opened_at = time.monotonic()
        code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        _check(code, self.name)
        self._context = context
        try:
            code, names = scard.SCardListReaders(context, [])
            if code in GONE:
                names = []
            else:
                _check(code, self.name)
            self._reader = self._choose(names)
        except ReaderError:
            self.close()
            raise
        self._state = scard.SCARD_STATE_UNAWARE
        self.name = f"pcsc:{self._reader}"

    def close(self) -> None:
        """Let go of the reader."""
        with self._lock:
            self._let_go_of_card()
            context, self._context = self._context, None
            if context is not None:
                scard.SCardReleaseContext(context)

    def wait_for_tap(self, *, stop: threading.Event) -> Tap | None:
        """Block until a new card came, or `stop` is set. Raises ReaderError."""
        while not stop.is_set():
            if self._context is None:
                self._reopen(stop)
                continue
            try:
                tap = self._poll(stop)
            except ReaderError as error:
                if not error.code.startswith("NFC-"):
                    self.close()
                raise
            if tap is not None:
                return tap
        return None

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Keep the polls away from the card of the last tap."""
        with self._lock:
            yield

    def transceive(self, command: bytes) -> bytes:
        """Send an APDU to the card of the last tap; the answer returns, status word included.

        Raises ReaderError NFC-RF-01 where the card is gone: held there still, it is another tap then.
        """
        with self._lock:
            try:
                return self._transceive(command)
            except CardLeft as error:
                self._let_go_of_card()
                self._uid, self._state = None, scard.SCARD_STATE_UNAWARE
                raise ReaderError("NFC-RF-01", "the card did not answer a command") from error

    def _choose(self, names: list[str]) -> str:
        if self._wanted:
            for name in names:
                if self._wanted.lower() in name.lower() or self._serial_of(name) == self._wanted:
                    return name
            said = f"no PC/SC reader {self._wanted!r} among {names or 'none'}"
            said_zh = f"没有名为 {self._wanted!r} 的 PC/SC 读卡器：现有 {names or '无'}"
            raise ReaderError("HW-USB-01", said, detail_zh=said_zh)
        ordered = sorted(names, key=lambda name: any(word in name.upper() for word in SECOND_SLOTS))
        if not ordered:
            said, said_zh = "pcscd knows no reader: plug it in, or install its driver", "pcscd 未发现读卡器"
            raise ReaderError("HW-USB-01", said, detail_zh=f"{said_zh}：请插上读卡器，或安装其驱动")
        return ordered[0]

    def _serial_of(self, name: str) -> str:
        """Ask a reader for its serial number; empty where it tells none."""
        code, card, _ = scard.SCardConnect(
            self._context, name, scard.SCARD_SHARE_DIRECT, scard.SCARD_PROTOCOL_UNDEFINED
        )
        if code != scard.SCARD_S_SUCCESS:
            return ""
        code, serial = scard.SCardGetAttrib(card, scard.SCARD_ATTR_VENDOR_IFD_SERIAL_NO)
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        told = bytes(serial) if code == scard.SCARD_S_SUCCESS else b""
        return told.rstrip(b"\0").decode("ascii", errors="replace")

    def _reopen(self, stop: threading.Event) -> None:
        if self._opened_at is not None:
            stop.wait(max(0.0, self._opened_at + REOPEN_INTERVAL_S - time.monotonic()))
        if not stop.is_set():
            self.open()

    def _poll(self, stop: threading.Event) -> Tap | None:
        """Wait a moment for the reader to change; a tap returns when a card is there that was not."""
        code, states = scard.SCardGetStatusChange(self._context, POLL_MS, [(self._reader, self._state)])
        if code == scard.SCARD_E_TIMEOUT:
            return None
        _check(code, self.name)
        [(_, state, atr)] = states
        if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE):
            raise ReaderError("HW-USB-01", f"{self._reader} is gone")
        self._state = state & ~scard.SCARD_STATE_CHANGED
        with self._lock:
            if not state & scard.SCARD_STATE_PRESENT:
                self._let_go_of_card()
                self._uid = None
                return None
            if state & scard.SCARD_STATE_MUTE:
                raise ReaderError("NFC-RF-01", "a card is there and does not answer")
            return None if self._card is not None else self._read(bytes(atr))

    def _read(self, atr: bytes) -> Tap | None:
        """Read the card that came; None where it is the one that was read before."""
        for _ in range(READ_TRIES):
            try:
                self._connect()
                answer = self._transceive(GET_UID)
                uid = answer[:-2] if answer[-2:] == OK else b""
                before, self._uid = self._uid, uid
                if before is not None and (uid == before or (is_random(uid) and is_random(before))):
                    return None
                return self._tap(atr, uid)
            except CardLeft:
                self._let_go_of_card()
                self._uid = None
        raise ReaderError("NFC-RF-01", "the card did not answer to the end")

    def _tap(self, atr: bytes, uid: bytes) -> Tap:
        technology = storage_card_technology(atr)
        uri = None
        if technology is None:
            uri = read_uri(self._transceive)
            if uri is not None and is_sun(uri) and len(uri) <= SUN_LENGTH_MAX:
                card: messages.Card = messages.SunCard(uri=uri, entry="tap")
                return Tap(technology="ntag424", uid=uid.hex(), uri=uri, card=card, at=datetime.now(UTC))
            version = self._transceive(GET_VERSION)
            technology = iso_dep_technology(version[:-2] if version[-2:] == b"\x91\xaf" else None)
        if not 4 <= len(uid) <= 10:
            raise ReaderError("NFC-CARD-01", f"a {technology} without an identifier: a contact card?")
        card = messages.UidCard(uid=uid.hex(), technology=technology, entry="tap")
        return Tap(technology=technology, uid=uid.hex(), uri=uri, card=card, at=datetime.now(UTC))

    def _connect(self) -> None:
        both = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, card, protocol = scard.SCardConnect(self._context, self._reader, scard.SCARD_SHARE_SHARED, both)
        if code == scard.SCARD_E_SHARING_VIOLATION:
            said, said_zh = "is held by another program: close it", "被其他程序占用：请关闭该程序"
            raise ReaderError("HW-DRV-01", f"{self._reader} {said}", detail_zh=f"{self._reader} {said_zh}")
        _check_card(code, self.name)
        self._card = (card, protocol)

    def _transceive(self, command: bytes) -> bytes:
        if self._card is None:
            raise CardLeft
        card, protocol = self._card
        header = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, answer = scard.SCardTransmit(card, header, list(command))
        _check_card(code, self.name)
        if len(answer) < 2:
            raise CardLeft
        return bytes(answer)

    def _let_go_of_card(self) -> None:
        held, self._card = self._card, None
        if held is not None:
            scard.SCardDisconnect(held[0], scard.SCARD_LEAVE_CARD)


def _check_card(code: int, name: str) -> None:
    """Part what a card does from what a reader does. Raises CardLeft, ReaderError."""
    if code == scard.SCARD_S_SUCCESS:
        return
    if code in GONE or code in NO_SERVICE:
        _check(code, name)
    raise CardLeft(scard.SCardGetErrorMessage(code))


def _check(code: int, name: str) -> None:
    if code == scard.SCARD_S_SUCCESS:
        return
    if code in NO_SERVICE:
        raise ReaderError("HW-DRV-01", NO_SERVICE_SAYS, detail_zh=NO_SERVICE_ZH)
    if code in DENIED:
        raise ReaderError("HW-DRV-01", DENIED_SAYS, detail_zh=DENIED_ZH)
    why = scard.SCardGetErrorMessage(code)
    raise ReaderError("HW-USB-01", f"{name}: {why}", detail_zh=f"{name} 没有应答（{why}）")
