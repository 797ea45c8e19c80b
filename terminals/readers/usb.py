"""USB readers by their serial number, which stays when a reader moves to another port.

Knows Linux's sysfs; must not know nfcpy, nor what a reader does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from terminals.readers import ReaderError

Opened = TypeVar("Opened")

DEVICES = Path("/sys/bus/usb/devices")
PREFIX = "usb:serial:"


class Bound(Generic[Opened]):
    """Opens a reader by its serial number wherever it is plugged in, by the `connect` of a driver."""

    def __init__(self, connect: Callable[[str], Opened], *, devices: Path = DEVICES) -> None:
        self._connect = connect
        self._devices = devices
        self._place: str | None = None

    def __call__(self, path: str) -> Opened:
        """Connect the reader of a path `usb:serial:NUMBER`. Raises ReaderError, and what `connect` raises.

        HW-USB-02, once, where it is at another place than before: opening it again connects it there.
        """
        place = find_by_serial(path.removeprefix(PREFIX), devices=self._devices)
        before, self._place = self._place, place
        if before not in {None, place}:
            said, said_zh = f"{path} moved from {before} to {place}", f"{path} 从 {before} 移到了 {place}"
            raise ReaderError("HW-USB-02", said, detail_zh=said_zh)
        return self._connect(place)


def find_by_serial(number: str, *, devices: Path = DEVICES) -> str:
    """Give the path, bus and address, of the USB device with a serial number as it is plugged in now.

    Raises ReaderError HW-USB-01 where none has it, HW-DRV-01 where the machine does not list its devices.
    """
    if not devices.is_dir():
        said, said_zh = "name the reader by usb:VENDOR:PRODUCT instead", "请改用 usb:厂商:产品 指定读卡器"
        raise ReaderError(
            "HW-DRV-01", f"{devices} is missing: {said}", detail_zh=f"缺少 {devices}：{said_zh}"
        )
    known = []
    for device in sorted(devices.iterdir()):
        told = _text(device / "serial")
        if told == number:
            bus, address = _text(device / "busnum"), _text(device / "devnum")
            if bus.isdecimal() and address.isdecimal():
                return f"usb:{int(bus):03}:{int(address):03}"
        if told:
            known.append(told)
    raise ReaderError(
        "HW-USB-01",
        f"no USB device has the serial number {number}: there are {known or 'none'}",
        detail_zh=f"没有序列号为 {number} 的 USB 设备：现有 {known or '无'}",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
