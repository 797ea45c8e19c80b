"""The keys of NTAG 424 DNA cards: each card's own, made from the site's master keys.

Knows what goes into a card's key; must not know where the site's keys lie.
"""

from __future__ import annotations

from collections.abc import Callable

from prepaid.cards.crypto import diversify
from prepaid.keys import SunKeys, site_keys

# What stands beside the UID in AN10922's input, so that no other system derives the same key:
# the number of the key that reads the SUN file, and a name.
_FILE_KEY = bytes([2]) + b"prepaid"

__all__ = ["file_key", "file_key_of", "meta_key", "newest_version", "site_keys"]


def newest_version() -> int:
    """Give the version of the keys that new cards are personalised with."""
    return site_keys().sun[0].version


def meta_key(version: int) -> bytes:
    """Give the key that encrypts UID and counter, the same for every card. KeyError for no such version."""
    return _of_version(version).meta


def file_key(uid: bytes, version: int) -> bytes:
    """Derive the key that makes a card's MAC. KeyError for no such version. Source: AN10922 2.2."""
    return file_key_of(_of_version(version))(uid)


def file_key_of(keys: SunKeys) -> Callable[[bytes], bytes]:
    """Give the function from UID to a card's file key under one version of the keys."""
    return lambda uid: diversify(keys.master, uid + _FILE_KEY)


def _of_version(version: int) -> SunKeys:
    return {keys.version: keys for keys in site_keys().sun}[version]
