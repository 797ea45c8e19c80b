"""What an operating system's error about a reader means: which fault code, and what to do about it.

Knows errno, vendors' numbers and Linux; must not know nfcpy.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from terminals.readers import ReaderError

# Readers that are sold today and answer to PC/SC alone.
PCSC_ONLY = {
    (0x054C, 0x0DC8): "Sony RC-S300",
    (0x054C, 0x0DC9): "Sony RC-S300",
    (0x072F, 0x223B): "ACS ACR1252U",
    (0x076B, 0x5022): "HID Omnikey 5022",
    (0x076B, 0x5422): "HID Omnikey 5422",
    (0x04E6, 0x5790): "Identiv uTrust 3700 F",
    (0x04E6, 0x5791): "Identiv uTrust 3701 F",
}
BUSY = (
    "it is held by another program: stop pcscd (systemctl stop pcscd.socket pcscd), the kernel's own driver "
    "(modprobe -r pn533_usb port100) or a second agent"
)
BUSY_ZH = (
    "被其他程序占用：请停止 pcscd（systemctl stop pcscd.socket pcscd）、"
    "内核自带驱动（modprobe -r pn533_usb port100）或另一个终端程序"
)


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device on the bus, as the bus numbers it."""

    vendor: int
    product: int
    bus: int
    address: int

    @property
    def path(self) -> str:
        """The path that names this device and no other."""
        return f"usb:{self.bus:03}:{self.address:03}"


def error_of(error: OSError, path: str, device: UsbDevice | None = None) -> ReaderError:
    """Name the cause of an operating system's error while a reader was opened or used."""
    if "libusb" in str(error):
        return _driver("libusb is missing: apt install libusb-1.0-0", "缺少 libusb：apt install libusb-1.0-0")
    if error.errno in {errno.EACCES, errno.EPERM}:
        advice, advice_zh = _permission(path, device)
        return _driver(f"{path} may not be opened: {advice}", f"没有打开 {path} 的权限：{advice_zh}")
    if error.errno == errno.EBUSY:
        return _driver(f"{path}: {BUSY}", f"{path} {BUSY_ZH}")
    if device is not None:
        said = f"{path} does not start ({error.strerror}): plug it in anew"
        return ReaderError("HW-USB-01", said, detail_zh=f"{path} 无法启动（{error.strerror}）：请重新插拔")
    said = f"{path}: {error.strerror or error}"
    return ReaderError("HW-USB-01", said, detail_zh=f"{path} 没有应答（{error.strerror or error}）")


def error_of_absence(path: str, present: list[UsbDevice]) -> ReaderError:
    """Say why no reader was found, given what is on the bus."""
    for device in present:
        name = PCSC_ONLY.get((device.vendor, device.product))
        if name is not None:
            return _driver(
                f"{name} speaks PC/SC: give the reader as pcsc", f"{name} 使用 PC/SC：请将读卡器写作 pcsc"
            )
    return ReaderError("HW-USB-01", f"no reader found at {path}", detail_zh=f"在 {path} 找不到读卡器")


def _driver(said: str, said_zh: str) -> ReaderError:
    return ReaderError("HW-DRV-01", said, detail_zh=said_zh)


def _permission(path: str, device: UsbDevice | None) -> tuple[str, str]:
    """Say in both languages what gives this user the right to open the device."""
    if path.startswith(("tty", "com")):
        return (
            "add this user to the group dialout (usermod -aG dialout USER) and log in again",
            "请将本用户加入 dialout 组（usermod -aG dialout 用户名）并重新登录",
        )
    vendor = f'ATTRS{{idVendor}}=="{device.vendor:04x}", ' if device else ""
    rule = f'SUBSYSTEM=="usb", {vendor}MODE="0660", GROUP="plugdev", TAG+="uaccess"'
    file = "/etc/udev/rules.d/70-prepaid-reader.rules"
    return (
        f"put the line {rule} into {file} and plug the reader in again",
        f"请在 {file} 中加入一行 {rule}，然后重新插拔读卡器",
    )
