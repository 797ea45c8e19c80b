"""The site's secret keys: one file, made at the first start of an empty site, read again when it changes.

Knows the file and keyed hashes; must not know how a card uses its keys. The keys have no repr, for logs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

HASH_KEYS = ("lookup", "pin", "content", "enrolment")
HASH_KEY_BYTES = 32
FINGERPRINT_BYTES = 4
CARD_KEY_BYTES = 16
NONCE_BYTES = 12
# A card keeps the version of its keys in one byte, and 0 is the factory's.
VERSION_MAX = 255
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

    def instrument_lookup(self, tender: str, reference: str) -> bytes:
        """Hash what a load was paid with, as its counter is found."""
        return self._lookup(b"instrument", f"{tender}:{reference}".encode())

    def pay_code_lookup(self, phone: str) -> bytes:
        """Hash the number by which a phone's codes name it, as its credential is found."""
        return self._lookup(b"pay_code", phone.encode())

    def pay_code_secret(self, phone: str) -> bytes:
        """Derive the secret that a phone makes its codes from: it stands in no table."""
        return self._lookup(b"pay_code_secret", phone.encode())

    def phone_hash(self, token: str) -> bytes:
        """Hash a link or a cookie of a card holder's phone as it is stored."""
        return self._lookup(b"phone", token.encode())

    def challenge_lookup(self, uid: bytes) -> bytes:
        """Hash the identity of a card that proves itself by a challenge alone, as its credential is found."""
        return self._lookup(b"challenge", uid)

    def token_lookup(self, token: str) -> bytes:
        """Hash a token that a finished challenge gave, as its proof is found."""
        return self._lookup(b"token", token.encode())

    def pin_mac(self, lookup: bytes, pin: str) -> bytes:
        """Hash a PIN for the one credential that it belongs to."""
        return hmac.digest(self.pin, lookup + pin.encode(), "sha256")

    def content_digest(self, content: bytes) -> bytes:
        """Hash the content of a request, to tell a repeat from another request."""
        return hmac.digest(self.content, content, "sha256")

    def enrolment_hash(self, code: str) -> bytes:
        """Hash an enrolment code as it is stored."""
        return hmac.digest(self.enrolment, code.encode(), "sha256")

    def identity_lookup(self, document: str, number: str) -> bytes:
        """Hash the number of an identity document, as the one holder to whom it belongs is found."""
        return self._lookup(b"identity", f"{document}:{number}".encode())

    def seal(self, text: str, *, of: bytes) -> bytes:
        """Encrypt a text that must be read again, such as an ID number; `of` binds it to its owner."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._sealing().encrypt(nonce, text.encode(), of)

    def unseal(self, sealed: bytes, *, of: bytes) -> str:
        """Decrypt what was sealed. Raises cryptography's InvalidTag where it is another's, or was changed."""
        return self._sealing().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], of).decode()

    def _sealing(self) -> AESGCM:
        # A key of its own, derived, so that a file of keys made before can seal too.
        return AESGCM(hmac.digest(self.lookup, b"key that seals", "sha256"))

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

    def stand_in_key(self, policy_version: int) -> bytes:
        """Give the key that seals stand-in grants under a version of the policy. Follows from `enrolment`."""
        return hmac.digest(self.enrolment, f"stand-in grants {policy_version}".encode(), "sha256")

    def _lookup(self, method: bytes, identity: bytes) -> bytes:
        return hmac.digest(self.lookup, method + b":" + identity, "sha256")


class KeysLost(KeysUnreadable):
    """The file of the keys is gone and the database needs it: new keys would open none of its cards."""


def read_or_make_keys(path: Path) -> SiteKeys:
    """Read the keys, or make the file where there is none; of several first starts one makes it.

    Raises KeysUnreadable.
    """
    try:
        if not path.exists():
            _make(path)
        found = path.stat()
        return _read_once(path, found.st_ctime_ns, found.st_ino)
    except OSError as error:
        raise KeysUnreadable(f"The keys in {path} cannot be used: {error.strerror}.") from error


def site_keys() -> SiteKeys:
    """Give the site's keys; a file that a rotation changed is read again. Raises KeysUnreadable, KeysLost."""
    path: Path = settings.KEYS_FILE
    try:
        found = path.stat()
        return _read_once(path, found.st_ctime_ns, found.st_ino)
    except FileNotFoundError:
        refuse_lost_keys()
        return read_or_make_keys(path)
    except OSError as error:
        raise KeysUnreadable(f"The keys in {path} cannot be used: {error.strerror}.") from error


def refuse_lost_keys() -> None:
    """Refuse to go on without the file of the keys where the database needs it. Raises KeysLost."""
    path: Path = settings.KEYS_FILE
    if not path.exists() and _database_needs_keys():
        raise KeysLost(
            f"The file of the keys, {path}, is missing, and the database holds cards that only they open. "
            "Nothing was made in its place: restore the file from the backup, then start again."
        )


def add_card_keys(path: Path) -> int:
    """Add a version of the card keys, for cards that are personalised from now on; the version returns.

    The others stay, for the cards that hold them. Raises KeysUnreadable.
    """
    with _held(path):
        known = _read(path)
        version = max(keys.version for keys in known.sun) + 1
        if version > VERSION_MAX:
            raise KeysUnreadable(f"A card's key version is one byte: there is none after {VERSION_MAX}.")
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored["sun"].append({"version": version} | _fresh_card_keys())
        with _draft(path, stored) as draft:
            mode = path.stat()
            os.chmod(draft, mode.st_mode)
            os.chown(draft, mode.st_uid, mode.st_gid)
            os.replace(draft, path)
    return version


def _database_needs_keys() -> bool:
    """Tell whether there is a credential, each of which is found by a keyed hash."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('cards_credential') is not null")
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("select exists (select from cards_credential)")
        return bool(cursor.fetchone()[0])


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keep a second rotation out."""
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _make(path: Path) -> None:
    """Write fresh keys beside the file and link them into place: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh: dict[str, Any] = {name: secrets.token_hex(HASH_KEY_BYTES) for name in HASH_KEYS}
    with (
        _draft(path, fresh | {"sun": [{"version": 1} | _fresh_card_keys()]}) as draft,
        contextlib.suppress(FileExistsError),
    ):
        os.link(draft, path)


def _fresh_card_keys() -> dict[str, str]:
    return {name: secrets.token_hex(CARD_KEY_BYTES) for name in ("meta", "master")}


@contextlib.contextmanager
def _draft(path: Path, content: dict[str, Any]) -> Iterator[str]:
    """Give a durable file beside `path` to be put in its place; what is left of it is removed."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@cache
def _read_once(path: Path, changed_at_ns: int, inode: int) -> SiteKeys:
    """Read a file as it stood at one moment; another moment is another call."""
    return _read(path)


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
        if not versions or not all(1 <= keys.version <= VERSION_MAX for keys in versions):
            raise ValueError("version")
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
