"""A reader for tests: a device of nfcpy whose other side is a field of virtual cards, with faults on demand.

Knows the device interface of nfcpy; only tests and tools without hardware use it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from enum import Enum

import nfc.clf
from nfc.clf.device import Device

from terminals.simulator.field import Collision, Field

FRAME_BYTES_MAX = 290
SELECT_CODES = (0x93, 0x95, 0x97)


class Injected(Enum):
    """What goes wrong at a frame."""

    TEAR_BEFORE = "the card leaves before it hears the frame"
    TEAR_AFTER = "the card hears the frame and leaves before its answer is heard"
    LOST_COMMAND = "the frame is not heard"
    LOST_ANSWER = "the answer is not heard"
    GARBLED_ANSWER = "the answer arrives damaged"
    UNPLUG = "the reader is pulled out"


class SimulatedDevice(Device):  # type: ignore[misc]
    """A reader over a field; `faults` maps a frame's number, from 1, to what happens at it.

    Every frame counts, those of activation included; `frames` keeps them in order.
    """

    def __init__(self, field: Field, faults: Mapping[int, Injected] | None = None) -> None:
        self.field = field
        self.faults = dict(faults or {})
        self.frames: list[str] = []
        self.is_plugged_in = True
        self._path = "simulated"
        self._vendor_name = "Prepaid"
        self._device_name = "Simulated Reader"
        self._chipset_name = "Frames"

    def close(self) -> None:
        self.field.power_off()

    def mute(self) -> None:
        self._check_plugged_in()
        self.field.power_off()

    def sense_tta(self, target: nfc.clf.RemoteTarget) -> nfc.clf.RemoteTarget | None:
        if target.brty != "106A":
            raise nfc.clf.UnsupportedTargetError(target.brty)
        try:
            sens_res = self._exchange(target.brty, b"\x26")
            uid = bytearray()
            for code in SELECT_CODES:
                part = self._exchange(target.brty, bytes([code, 0x20]))
                sel_res = self._exchange(target.brty, bytes([code, 0x70]) + part)
                if sel_res[0] & 0x04:
                    uid += part[1:4]
                    continue
                uid += part[:4]
                break
        except nfc.clf.CommunicationError:
            return None
        if target.sel_req and bytes(target.sel_req) != bytes(uid):
            return None
        return nfc.clf.RemoteTarget(
            "106A", sens_res=bytearray(sens_res), sel_res=bytearray(sel_res), sdd_res=uid
        )

    def sense_ttb(self, target: nfc.clf.RemoteTarget) -> None:
        return None

    def sense_ttf(self, target: nfc.clf.RemoteTarget) -> nfc.clf.RemoteTarget | None:
        request = target.sensf_req or bytearray.fromhex("00FFFF0100")
        try:
            answer = self._exchange(target.brty, bytes([len(request) + 1]) + request)
        except nfc.clf.CommunicationError:
            return None
        return nfc.clf.RemoteTarget(target.brty, sensf_res=bytearray(answer[1:]))

    def send_cmd_recv_rsp(self, target: nfc.clf.RemoteTarget, data: bytes, timeout: float) -> bytearray:
        return bytearray(self._exchange(target.brty, bytes(data)))

    def get_max_send_data_size(self, target: nfc.clf.RemoteTarget) -> int:
        return FRAME_BYTES_MAX

    def get_max_recv_data_size(self, target: nfc.clf.RemoteTarget) -> int:
        return FRAME_BYTES_MAX

    def _exchange(self, bitrate: str, frame: bytes) -> bytes:
        self.frames.append(f"{bitrate} {frame.hex()}")
        fault = self.faults.get(len(self.frames))
        if fault is Injected.UNPLUG:
            self.is_plugged_in = False
        self._check_plugged_in()
        if fault is Injected.TEAR_BEFORE:
            self.field.clear()
        if fault is Injected.LOST_COMMAND:
            raise nfc.clf.TimeoutError("injected")
        try:
            answer = self.field.answer(bitrate, frame)
        except Collision as error:
            raise nfc.clf.TransmissionError("collision") from error
        if fault is Injected.TEAR_AFTER:
            self.field.clear()
        if fault is Injected.GARBLED_ANSWER and answer is not None:
            raise nfc.clf.TransmissionError("injected")
        if answer is None or fault in {Injected.TEAR_AFTER, Injected.LOST_ANSWER}:
            raise nfc.clf.TimeoutError("no answer")
        return answer

    def _check_plugged_in(self) -> None:
        if not self.is_plugged_in:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
