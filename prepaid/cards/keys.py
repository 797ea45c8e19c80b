"""The keys of cards: each card's own, made from the site's master keys by the keyring that the settings name.

Knows what goes into a card's key; must not know where master keys lie.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from prepaid.cards.crypto import diversify
from prepaid.keys import SunKeys, site_keys

# The five keys of an NTAG 424 DNA. The first one changes the others, and is changed last.
MASTER, FILE, META, CHALLENGE, SPARE = range(5)
FACTORY_KEY = bytes(16)
FACTORY_VERSION = 0
# What stands beside the UID in AN10922's input, so that no other system and no other use derives the same
# key: a byte for the use, and a name. The file key's byte is not its number, and stays: cards hold the key.
_LABELS = {MASTER: 0, FILE: 2, CHALLENGE: 3, SPARE: 4}
_FELICA_LABEL, _DESFIRE_LABEL = 5, 6
_NAME = b"prepaid"

__all__ = ["file_key", "file_key_of", "meta_key", "newest_version", "site_keys"]


class Keyring(Protocol):
    """Where the master keys are: a file of ours, or a key management service or module behind these calls.

    Versions are 1 to 255, one byte of a card. Both calls raise KeyError for a version that there is not.
    """

    def list_versions(self) -> tuple[int, ...]:
        """List the versions that cards may hold, newest first; new cards get the newest."""

    def meta_key(self, version: int) -> bytes:
        """Give the key that encrypts UID and counter, 16 bytes, the same for every card of a version."""

    def derive(self, version: int, material: bytes) -> bytes:
        """Derive 16 bytes from a version's master key by AN10922 2.2; `material` is 1 to 31 bytes."""


class FileKeyring:
    """The keyring in the file of the site's keys."""

    def list_versions(self) -> tuple[int, ...]:
        return tuple(keys.version for keys in site_keys().sun)

    def meta_key(self, version: int) -> bytes:
        return self._of(version).meta

    def derive(self, version: int, material: bytes) -> bytes:
        return diversify(self._of(version).master, material)

    def _of(self, version: int) -> SunKeys:
        for keys in site_keys().sun:
            if keys.version == version:
                return keys
        raise KeyError(version)


def keyring() -> Keyring:
    """Give the keyring that the setting CARD_KEYRING names."""
    return _made(settings.CARD_KEYRING)


def newest_version() -> int:
    """Give the version of the keys that new cards are personalised with."""
    return keyring().list_versions()[0]


def meta_key(version: int) -> bytes:
    """Give the key that encrypts UID and counter, the same for every card. KeyError for no such version."""
    return keyring().meta_key(version)


def file_key(uid: bytes, version: int) -> bytes:
    """Derive the key that makes a card's MAC. KeyError for no such version. Source: AN10922 2.2."""
    return keyring().derive(version, uid + bytes([_LABELS[FILE]]) + _NAME)


def file_key_of(version: int) -> Callable[[bytes], bytes]:
    """Give the function from UID to a card's file key under one version of the keys."""
    return lambda uid: file_key(uid, version)


def card_key(uid: bytes, number: int, version: int) -> bytes:
    """Give key 0 to 4 of an NTAG 424 DNA; version 0 is the factory's. KeyError for no such version."""
    if version == FACTORY_VERSION:
        return FACTORY_KEY
    if number == META:
        return meta_key(version)
    return keyring().derive(version, uid + bytes([_LABELS[number]]) + _NAME)


def felica_key(idm: bytes, version: int) -> bytes:
    """Derive the card key of a FeliCa Lite-S. KeyError for no such version."""
    return keyring().derive(version, idm + bytes([_FELICA_LABEL]) + _NAME)


def desfire_key(uid: bytes, version: int) -> bytes:
    """Derive the key of our application on a DESFire; 0 is a new one's version. KeyError for no such."""
    if version == FACTORY_VERSION:
        return FACTORY_KEY
    return keyring().derive(version, uid + bytes([_DESFIRE_LABEL]) + _NAME)


@cache
def _made(name: str) -> Keyring:
    made: Keyring = import_string(name)()
    return made
