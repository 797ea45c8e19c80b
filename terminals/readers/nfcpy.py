"""The readers that nfcpy drives: the only file of the agent that imports it.

Knows nfcpy and its traps; must not know the site, a screen or what a card is worth.
"""

from __future__ import annotations

import contextlib
import logging
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import ndef
import nfc
import nfc.clf
import nfc.clf.device
import nfc.clf.transport
import nfc.tag
import nfc.tag.tt4

from terminals import messages
from terminals.readers import ReaderError, Tap
from terminals.readers.causes import UsbDevice, error_of, error_of_absence
from terminals.readers.technologies import (
    IS_ISO_DEP,
    IS_MIFARE_CLASSIC,
    IS_PEER,
    PEER_MARK,
    felica_technology,
    is_random,
    is_sun,
    iso_dep_technology,
    type_2_technology,
)

POLL_INTERVAL_S = 0.1
# A card counts as gone when the field was found empty this often in a row; one miss is a card at its edge.
EMPTY_POLLS = 2
PRESENCE_TRIES = 3
READ_TRIES = 3
REOPEN_INTERVAL_S = 2.0
VERSION_TIMEOUT_S = 0.1
EXCHANGE_TIMEOUT_S = 1.0
EXCHANGES_MAX = 200
SUN_LENGTH_MAX = 1024
TYPE_A, TYPE_F = "106A", "212F"
GET_VERSION_TYPE_2 = b"\x60"
GET_VERSION_ISO_DEP = bytes.fromhex("9060000000")

# What nfcpy lets through when a frame is not of the form that it expects.
GARBLED = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    RuntimeError,
    NameError,
    struct.error,
)

# Its messages are for developers, and the operator's screen is not the place for them.
logging.getLogger("nfc").addHandler(logging.NullHandler())


class Frontend(nfc.ContactlessFrontend):  # type: ignore[misc]
    """nfcpy's frontend, which also remembers a failed exchange, for its tags swallow them and say None.

    It bounds the exchanges of one reading too: nfcpy goes on asking a card that gives empty pieces.
    """

    has_failed = False
    exchanges_left = EXCHANGES_MAX

    def begin(self) -> None:
        """Begin a reading or a presence check."""
        self.has_failed = False
        self.exchanges_left = EXCHANGES_MAX

    def exchange(self, send_data: bytes, timeout: float) -> bytearray:
        """Exchange one frame, as nfcpy does."""
        self.exchanges_left -= 1
        try:
            if self.exchanges_left < 0:
                raise nfc.clf.ProtocolError("the card does not come to an end")
            answer: bytearray = super().exchange(send_data, timeout)
        except nfc.clf.CommunicationError:
            self.has_failed = True
            raise
        return answer


Connect = Callable[[str], Frontend]


class Torn(Exception):
    """The exchange with a card broke off, so that it must be read from the start."""


@dataclass(slots=True)
class Presented:
    """The card that lies on the reader, and has been told of; `tag` is set while it is activated."""

    bitrate: str
    uid: bytes
    tag: nfc.tag.tt4.Type4Tag | None = None
    is_read: bool = False

    def may_be(self, target: nfc.clf.RemoteTarget) -> bool:
        """Tell whether this can be the same card: nobody changes cards between two polls.

        A random UID is another one in every field, so two of those count as one card.
        """
        uid = _uid(target)
        is_redrawn = is_random(uid) and is_random(self.uid)
        return target.brty == self.bitrate and (uid == self.uid or is_redrawn)


class NfcpyReader:
    """A reader of nfcpy; `connect` is replaced where the device is simulated."""

    def __init__(self, path: str, *, connect: Connect | None = None) -> None:
        self.name = path
        self._path = path
        self._connect = connect or connect_device
        # The other side of a UDP path may leave an empty field without answer, which costs a second a poll.
        self._is_slow = path.startswith("udp")
        self._frontend: Frontend | None = None
        self._opened_at: float | None = None
        self._presented: Presented | None = None
        self._empty_polls = 0
        self._lock = threading.RLock()

    def open(self) -> None:
        """Take hold of the device. Raises ReaderError."""
        self.close()
        self._opened_at = time.monotonic()
        try:
            self._frontend = self._connect(self._path)
        except OSError as error:
            raise error_of(error, self._path) from error
        except GARBLED as error:
            said = f"{self._path} does not answer as a reader: {error}"
            raise ReaderError("HW-USB-01", said, detail_zh=f"{self._path} 未按读卡器应答：{error}") from error
        except nfc.clf.transport.libusb.USBError as error:
            raise ReaderError("HW-USB-01", f"{self._path}: the USB bus refused: {error}") from error
        self.name = str(self._frontend)

    def close(self) -> None:
        """Let go of the device."""
        frontend, self._frontend = self._frontend, None
        if self._presented is not None:
            # It may still lie there, but is no longer spoken to.
            self._presented.tag = None
        if frontend is not None:
            with contextlib.suppress(OSError, *GARBLED):
                frontend.close()

    def wait_for_tap(self, *, stop: threading.Event) -> Tap | None:
        """Block until a new card came, or `stop` is set. Raises ReaderError."""
        while not stop.is_set():
            if self._frontend is None:
                self._reopen(stop)
                continue
            try:
                with self._lock:
                    tap = self._poll(self._frontend)
            except OSError as error:
                self.close()
                raise error_of(error, self._path) from error
            if tap is not None:
                return tap
            stop.wait(POLL_INTERVAL_S)
        return None

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Keep the polls away from the card of the last tap."""
        with self._lock:
            yield

    def transceive(self, command: bytes) -> bytes:
        """Exchange one command with the card of the last tap. Raises ReaderError."""
        with self._lock:
            frontend, presented = self._frontend, self._presented
            if frontend is None or presented is None or not presented.is_read:
                raise ReaderError("NFC-RF-01", "the card is gone")
            frontend.begin()
            try:
                if presented.tag is not None:
                    return bytes(presented.tag.transceive(command))
                return bytes(frontend.exchange(command, EXCHANGE_TIMEOUT_S))
            except (nfc.clf.CommunicationError, nfc.tag.TagCommandError, *GARBLED) as error:
                self._presented = None
                raise ReaderError("NFC-RF-01", f"{presented.uid.hex()} did not answer a command") from error
            except OSError as error:
                self.close()
                raise error_of(error, self._path) from error

    def _reopen(self, stop: threading.Event) -> None:
        if self._opened_at is not None:
            stop.wait(max(0.0, self._opened_at + REOPEN_INTERVAL_S - time.monotonic()))
        if not stop.is_set():
            self.open()

    def _poll(self, frontend: Frontend) -> Tap | None:
        """Look once; a tap returns when a card is there that was not."""
        before = self._presented
        if before is not None and before.is_read and _answers(frontend, before.tag):
            self._empty_polls = 0
            return None
        found = self._sense(frontend)
        if not found:
            self._empty_polls += 1
            if self._empty_polls >= EMPTY_POLLS:
                self._presented = None
            return None
        self._empty_polls = 0
        target = found[-1]
        is_same = before is not None and before.may_be(target)
        if is_same and before is not None and before.is_read:
            self._presented = Presented(target.brty, _uid(target), _activate(frontend, target), is_read=True)
            return None
        self._presented = Presented(target.brty, _uid(target))
        try:
            return self._read(frontend, found)
        except ReaderError:
            # One presentation is complained of once; while the card stays it is tried again in silence.
            if is_same:
                return None
            raise

    def _sense(self, frontend: Frontend) -> list[nfc.clf.RemoteTarget]:
        """Give what is in the field, one of each kind at most; the last one is ready to be spoken to."""
        if self._presented is not None:
            # Sensing switches the field off, and with it the activation.
            self._presented.tag = None
        if self._is_slow:
            return _sense_one(frontend, TYPE_A) or _sense_one(frontend, TYPE_F)
        felica = _sense_one(frontend, TYPE_F)
        type_a = _sense_one(frontend, TYPE_A)
        if felica and not type_a:
            felica = _sense_one(frontend, TYPE_F)
        return felica + type_a

    def _read(self, frontend: Frontend, found: list[nfc.clf.RemoteTarget]) -> Tap:
        assert self._presented is not None
        if len(found) > 1:
            raise ReaderError("NFC-RF-02", " and ".join(_uid(target).hex() for target in found))
        target = found[0]
        for _ in range(READ_TRIES):
            try:
                tap = _read_card(frontend, target, self._presented)
            except (Torn, nfc.clf.CommunicationError, *GARBLED):
                again = _sense_one(frontend, target.brty)
                if not again or not self._presented.may_be(again[0]):
                    break
                target = again[0]
            else:
                self._presented.is_read = True
                return tap
        raise ReaderError("NFC-RF-01", f"{_uid(target).hex()} did not answer to the end")


def connect_device(path: str) -> Frontend:
    """Open a device of nfcpy. Raises ReaderError or OSError."""
    frontend = Frontend()
    if frontend.open(path):
        return frontend
    # A path that names no one device keeps nfcpy from saying what is wrong with those that it found.
    present = [UsbDevice(*found) for found in nfc.clf.transport.USB.find(path) or []]
    for device in present:
        if (device.vendor, device.product) not in nfc.clf.device.usb_device_map:
            continue
        try:
            if frontend.open(device.path):
                return frontend
        except OSError as error:
            raise error_of(error, path, device) from error
    raise error_of_absence(path, present)


def _sense_one(frontend: Frontend, bitrate: str) -> list[nfc.clf.RemoteTarget]:
    try:
        target = frontend.sense(nfc.clf.RemoteTarget(bitrate))
    except (nfc.clf.UnsupportedTargetError, *GARBLED):
        return []
    return [target] if target is not None else []


def _uid(target: nfc.clf.RemoteTarget) -> bytes:
    if target.sensf_res:
        return bytes(target.sensf_res[1:9])
    return bytes(target.sdd_res or (target.rid_res or b"")[2:6])


def _answers(frontend: Frontend, tag: nfc.tag.tt4.Type4Tag | None) -> bool:
    """Ask an activated card whether it is still there; other kinds can only be sensed anew."""
    if tag is None:
        return False
    for _ in range(PRESENCE_TRIES):
        frontend.begin()
        with contextlib.suppress(nfc.clf.CommunicationError, *GARBLED):
            if tag.is_present:
                return True
    return False


def _activate(frontend: Frontend, target: nfc.clf.RemoteTarget) -> nfc.tag.tt4.Type4Tag | None:
    """Activate an ISO-DEP card; None for other kinds, and where the card did not answer."""
    if target.sensf_res or not target.sel_res or not target.sel_res[0] & IS_ISO_DEP:
        return None
    with contextlib.suppress(*GARBLED):
        return nfc.tag.activate(frontend, target)
    return None


def _read_card(frontend: Frontend, target: nfc.clf.RemoteTarget, presented: Presented) -> Tap:
    """Read a card that was just sensed. Raises Torn, ReaderError, or what nfcpy lets through."""
    frontend.begin()
    uid = presented.uid = _uid(target)
    if target.sensf_res:
        if uid.startswith(PEER_MARK):
            raise _unsupported(presented)
        return _tap(felica_technology(bytes(target.sensf_res[9:17])), uid)
    if not target.sel_res:
        return _tap("type_1", uid)
    kind = target.sel_res[0]
    if kind & IS_ISO_DEP:
        return _read_iso_dep(frontend, target, presented)
    if kind & IS_PEER:
        raise _unsupported(presented)
    if kind & IS_MIFARE_CLASSIC:
        return _tap("mifare_classic", uid)
    return _tap(type_2_technology(_ask_type_2_version(frontend)), uid)


def _read_iso_dep(frontend: Frontend, target: nfc.clf.RemoteTarget, presented: Presented) -> Tap:
    tag = presented.tag = _activate(frontend, target)
    if tag is None:
        raise Torn
    # Read once: each reading of a card with SUN makes another message and uses up a count.
    content = tag.ndef
    if content is None and frontend.has_failed:
        raise Torn
    uri = _first_uri(content) if content is not None else None
    if uri is not None and is_sun(uri) and len(uri) <= SUN_LENGTH_MAX:
        return Tap(
            technology="ntag424",
            uid=presented.uid.hex(),
            uri=uri,
            card=messages.SunCard(uri=uri, entry="tap"),
            at=datetime.now(UTC),
        )
    return _tap(iso_dep_technology(_ask_iso_dep_version(tag)), presented.uid, uri)


def _first_uri(content: nfc.tag.Tag.NDEF) -> str | None:
    """Give the first address of an NDEF message as it stands there: `.uri` would rewrite it."""
    try:
        return next((record.iri for record in content.records if isinstance(record, ndef.UriRecord)), None)
    except ndef.DecodeError:
        return None


def _ask_type_2_version(frontend: Frontend) -> bytes | None:
    """Ask a tag what it is; old ones do not know the question, and stay silent."""
    try:
        return bytes(frontend.exchange(GET_VERSION_TYPE_2, VERSION_TIMEOUT_S))
    except nfc.clf.CommunicationError:
        return None


def _ask_iso_dep_version(tag: nfc.tag.tt4.Type4Tag) -> bytes | None:
    try:
        answer = bytes(tag.transceive(GET_VERSION_ISO_DEP))
    except nfc.tag.TagCommandError as error:
        raise Torn from error
    return answer[:-2] if answer[-2:] == b"\x91\xaf" else None


def _unsupported(presented: Presented) -> ReaderError:
    presented.is_read = True
    return ReaderError("NFC-CARD-01", f"{presented.uid.hex()} is a telephone or another reader")


def _tap(technology: str, uid: bytes, uri: str | None = None) -> Tap:
    """Make the tap of a card that gives no proof: the site decides whether its UID is enough."""
    card = messages.UidCard(uid=uid.hex(), technology=technology, entry="tap")
    return Tap(technology=technology, uid=uid.hex(), uri=uri, card=card, at=datetime.now(UTC))
