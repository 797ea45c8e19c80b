"""NDEF messages of one URI, as bytes in a tag's memory.

Knows the record's form; must not know how a tag keeps it.
"""

from __future__ import annotations

# NFC Forum URI record type definition; the longest prefix that fits is used.
URI_PREFIXES = {
    "https://www.": 0x02,
    "http://www.": 0x01,
    "https://": 0x04,
    "http://": 0x03,
}
HEADER = b"\xd1\x01"
TYPE = b"U"


def uri_message(uri: str) -> bytes:
    """Make a message of one short URI record. Raises ValueError when it does not fit one."""
    prefix = next((prefix for prefix in URI_PREFIXES if uri.startswith(prefix)), "")
    payload = bytes([URI_PREFIXES.get(prefix, 0)]) + uri.removeprefix(prefix).encode("utf-8")
    if len(payload) > 255:
        raise ValueError(f"the address is too long for a tag: {uri}")
    return HEADER + bytes([len(payload)]) + TYPE + payload
