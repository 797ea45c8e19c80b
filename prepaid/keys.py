"""The site's secret keys: one file, made at the first start and read once a process.

Knows the file and keyed hashes; must not know how a card uses its keys. The keys have no repr, for logs.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

HASH_KEYS = ("lookup", "pin", "content", "enrolment")
HASH_KEY_BYTES = 32
FINGERPRINT_BYTES = 4
CARD_KEY_BYTES = 16
# What others than the file's owner and group may do with it: nothing; the group may read.
_FORBIDDEN_MODE = 0o037


class KeysUnreadable(ImproperlyConfigured):
    """The file of the site's keys cannot be used; the text says why, never what it holds."""


@dataclass(frozen=True, slots=True, repr=False)
class SunKeys:
    """One version of the keys that NTAG 424 DNA cards are personalised from."""

    version: int
    meta: bytes
    master: bytes


@dataclass(frozen=True, slots=True, repr=False)
class SiteKeys:
    """The keys of the site; `sun` is newest first."""

    lookup: bytes
    pin: bytes
    content: bytes
    enrolment: bytes
    sun: tuple[SunKeys, ...]

    def number_lookup(self, number: str) -> bytes:
        """Hash a card number, plain digits, as its credential is found. 32 bytes, like each below."""
        return self._lookup(b"number", number.encode())

    def qr_lookup(self, code: str) -> bytes:
        """Hash a printed code, plain digits, as its credential is found."""
        return self._lookup(b"qr", code.encode())

    def sun_lookup(self, uid: bytes) -> bytes:
        """Hash the UID that a SUN message proved, as its credential is found."""
        return self._lookup(b"sun", uid)

    def uid_lookup(self, uid: bytes) -> bytes:
        """Hash a bare UID, as its credential is found: never that of one proved by SUN."""
        return self._lookup(b"uid", uid)

    def pin_mac(self, lookup: bytes, pin: str) -> bytes:
        """Hash a PIN for the one credential that it belongs to."""
        return hmac.digest(self.pin, lookup + pin.encode(), "sha256")

    def content_digest(self, content: bytes) -> bytes:
        """Hash the content of a request, to tell a repeat from another request."""
        return hmac.digest(self.content, content, "sha256")

    def enrolment_hash(self, code: str) -> bytes:
        """Hash an enrolment code as it is stored."""
        return hmac.digest(self.enrolment, code.encode(), "sha256")

    @property
    def fingerprint_key(self) -> bytes:
        """Give the key of the hot list's fingerprints, which terminals are told. Follows from `lookup`."""
        return hmac.digest(self.lookup, b"fingerprints of the hot list", "sha256")

    def fingerprint(self, kind: str, identity: bytes) -> bytes:
        """Make a card's fingerprint from what a terminal sees of it: 4 bytes, shared by many (ADR 0060).

        `kind` is uid, number or qr; `identity` its bytes, or its digits as ASCII.
        """
        told = kind.encode() + b":" + identity
        return hmac.digest(self.fingerprint_key, told, "sha256")[:FINGERPRINT_BYTES]

    def stand_in_key(self, policy_version: int) -> Ed25519PrivateKey:
        """Give the key that signs stand-in grants under a version of the policy. Follows from `enrolment`."""
        seed = hmac.digest(self.enrolment, f"stand-in grants {policy_version}".encode(), "sha256")
        return Ed25519PrivateKey.from_private_bytes(seed)

    def _lookup(self, method: bytes, identity: bytes) -> bytes:
        return hmac.digest(self.lookup, method + b":" + identity, "sha256")


@cache
def read_or_make_keys(path: Path) -> SiteKeys:
    """Read the keys, or make the file where there is none; of several first starts one makes it.

    Raises KeysUnreadable.
    """
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise KeysUnreadable(f"The keys in {path} cannot be used: {error.strerror}.") from error


def site_keys() -> SiteKeys:
    """Give the site's keys. Raises KeysUnreadable."""
    return read_or_make_keys(settings.KEYS_FILE)


def _make(path: Path) -> None:
    """Write fresh keys beside the file and link them into place: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = {name: secrets.token_hex(HASH_KEY_BYTES) for name in HASH_KEYS}
    card_keys = {name: secrets.token_hex(CARD_KEY_BYTES) for name in ("meta", "master")}
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(fresh | {"sun": [{"version": 1} | card_keys]}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> SiteKeys:
    if path.stat().st_mode & _FORBIDDEN_MODE:
        raise KeysUnreadable(f"Others may read or change the keys in {path}: run chmod 600 on it.")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        versions = [
            SunKeys(
                version=int(row["version"]),
                meta=_key(row, "meta", CARD_KEY_BYTES),
                master=_key(row, "master", CARD_KEY_BYTES),
            )
            for row in stored["sun"]
        ]
        return SiteKeys(
            **{name: _key(stored, name, HASH_KEY_BYTES) for name in HASH_KEYS},
            sun=tuple(sorted(versions, key=lambda keys: keys.version, reverse=True)),
        )
    except (KeyError, TypeError, ValueError):
        # The cause is left out, for its text may hold what the file holds.
        raise KeysUnreadable(f"The keys in {path} are damaged or incomplete: restore the file.") from None


def _key(row: dict[str, Any], name: str, length: int) -> bytes:
    key = bytes.fromhex(row[name])
    if len(key) != length:
        raise ValueError(name)
    return key
