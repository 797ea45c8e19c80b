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
        return ReaderError("HW-DRV-01", "libusb is missing: apt install libusb-1.0-0")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ReaderError("HW-DRV-01", f"{path} may not be opened: {_permission(path, device)}")
    if error.errno == errno.EBUSY:
        return ReaderError("HW-DRV-01", f"{path}: {BUSY}")
    if device is not None:
        return ReaderError("HW-USB-01", f"{path} does not start ({error.strerror}): plug it in anew")
    return ReaderError("HW-USB-01", f"{path}: {error.strerror or error}")


def error_of_absence(path: str, present: list[UsbDevice]) -> ReaderError:
    """Say why no reader was found, given what is on the bus."""
    for device in present:
        name = PCSC_ONLY.get((device.vendor, device.product))
        if name is not None:
            return ReaderError("HW-DRV-01", f"{name} speaks PC/SC: give the reader as pcsc")
    return ReaderError("HW-USB-01", f"no reader found at {path}")


def _permission(path: str, device: UsbDevice | None) -> str:
    if path.startswith(("tty", "com")):
        return "add this user to the group dialout and log in again"
    vendor = f'ATTRS{{idVendor}}=="{device.vendor:04x}", ' if device else ""
    rule = f'SUBSYSTEM=="usb", {vendor}MODE="0660", GROUP="plugdev", TAG+="uaccess"'
    return f"put the line {rule} into /etc/udev/rules.d/70-prepaid-reader.rules and plug the reader in again"
