"""SUN messages as NTAG 424 DNA cards make them, for tests that hold the keys."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from prepaid.cards.crypto import cmac, session_mac_key, truncate_mac


def sun_uri(
    uid: bytes, counter: int, *, key_meta: bytes, key_file: bytes, base: str = "https://cards.example/t"
) -> str:
    """Give the address that a card shows at its `counter`-th reading."""
    count = counter.to_bytes(3, "little")
    encryptor = Cipher(algorithms.AES128(key_meta), modes.CBC(bytes(16))).encryptor()
    picc_data = encryptor.update(b"\xc7" + uid + count + bytes(5))
    mac = truncate_mac(cmac(session_mac_key(key_file, uid, count), b""))
    return f"{base}?picc_data={picc_data.hex()}&cmac={mac.hex()}"
